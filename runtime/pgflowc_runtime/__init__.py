"""What generated code imports, and what runs it: workers and clients of flows in PostgreSQL."""

from pgflowc_runtime.async_client import AsyncClient
from pgflowc_runtime.client import Client
from pgflowc_runtime.config import WorkerConfig
from pgflowc_runtime.context import Context
from pgflowc_runtime.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    FlowMismatch,
    FlowNotFound,
    InvalidInput,
    PgflowcError,
    RegistryError,
    RunExists,
    RunNotFound,
    SchemaError,
    WaitTimeout,
)
from pgflowc_runtime.flow import Flow, Step
from pgflowc_runtime.outcome import PermanentFailure, RetryAfter
from pgflowc_runtime.payload import Base64, ExactDecimal, JsonValue, Payload
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import FlowInfo, Run, RunWithStates, StepState, StepTask
from pgflowc_runtime.worker import Worker

__all__ = [
    "AsyncClient",
    "Base64",
    "Client",
    "ConfigurationError",
    "Context",
    "DatabaseUnavailable",
    "ExactDecimal",
    "Flow",
    "FlowInfo",
    "FlowMismatch",
    "FlowNotFound",
    "InvalidInput",
    "JsonValue",
    "Payload",
    "PermanentFailure",
    "PgflowcError",
    "Registry",
    "RegistryError",
    "RetryAfter",
    "Run",
    "RunExists",
    "RunNotFound",
    "RunWithStates",
    "SchemaError",
    "Step",
    "StepState",
    "StepTask",
    "WaitTimeout",
    "Worker",
    "WorkerConfig",
]
