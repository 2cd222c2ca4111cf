"""What generated code imports, and what runs it: workers and clients of flows in PostgreSQL."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pgflowc_runtime.async_client import AsyncClient
from pgflowc_runtime.client import Client
from pgflowc_runtime.config import WorkerConfig
from pgflowc_runtime.context import Context, SignalContext
from pgflowc_runtime.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    FlowMismatch,
    FlowNotFound,
    InvalidCursor,
    InvalidDefinition,
    InvalidInput,
    InvalidRunId,
    InvalidTime,
    NotFound,
    PgflowcError,
    RegistryError,
    RunExists,
    RunNotFound,
    ScheduleNotFound,
    SchemaError,
    SignalTimeout,
    StepNotFound,
    WaitTimeout,
)
from pgflowc_runtime.flow import Flow, Step
from pgflowc_runtime.outcome import PermanentFailure, RetryAfter
from pgflowc_runtime.pages import Cursor, RunPage
from pgflowc_runtime.payload import Base64, ExactDecimal, JsonValue, Payload
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.reports import Health, Pruned, Upserted
from pgflowc_runtime.rows import (
    DepInfo,
    FlowInfo,
    FlowVersion,
    FlowWithSteps,
    Run,
    RunWithStates,
    ScheduleInfo,
    StepInfo,
    StepState,
    StepTask,
    WaitingTask,
    WorkerInfo,
)
from pgflowc_runtime.run_changes import RunEvent
from pgflowc_runtime.run_watcher import RunWatcher

if TYPE_CHECKING:
    from pgflowc_runtime.definitions import Definition, Fault
    from pgflowc_runtime.worker import Worker

__all__ = [
    "AsyncClient",
    "Base64",
    "Client",
    "ConfigurationError",
    "Context",
    "Cursor",
    "DatabaseUnavailable",
    "Definition",
    "DepInfo",
    "ExactDecimal",
    "Fault",
    "Flow",
    "FlowInfo",
    "FlowMismatch",
    "FlowNotFound",
    "FlowVersion",
    "FlowWithSteps",
    "Health",
    "InvalidCursor",
    "InvalidDefinition",
    "InvalidInput",
    "InvalidRunId",
    "InvalidTime",
    "JsonValue",
    "NotFound",
    "Payload",
    "PermanentFailure",
    "PgflowcError",
    "Pruned",
    "Registry",
    "RegistryError",
    "RetryAfter",
    "Run",
    "RunEvent",
    "RunExists",
    "RunNotFound",
    "RunPage",
    "RunWatcher",
    "RunWithStates",
    "ScheduleInfo",
    "ScheduleNotFound",
    "SchemaError",
    "SignalContext",
    "SignalTimeout",
    "Step",
    "StepInfo",
    "StepNotFound",
    "StepState",
    "StepTask",
    "Upserted",
    "WaitTimeout",
    "WaitingTask",
    "Worker",
    "WorkerConfig",
    "WorkerInfo",
]


# Whoever only calls, a web application or a command, begins without the machinery of workers and the language
# of definitions.
_LOADED_WHEN_USED = {"Definition": "definitions", "Fault": "definitions", "Worker": "worker"}


def __getattr__(name: str) -> Any:
    if name in _LOADED_WHEN_USED:
        return getattr(import_module(f"{__name__}.{_LOADED_WHEN_USED[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
