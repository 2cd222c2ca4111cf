"""What errors of the database mean to a caller of a client, as exceptions of `errors.py`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg

from pgflowc_language.words import did_you_mean
from pgflowc_runtime.call import Refused
from pgflowc_runtime.connection import unavailable
from pgflowc_runtime.errors import (
    ConfigurationError,
    FlowNotFound,
    InvalidInput,
    PgflowcError,
    RunExists,
    RunNotFound,
    ScheduleNotFound,
    SchemaError,
    StepNotFound,
    WaitTimeout,
)
from pgflowc_runtime.rows import ExistingRun
from pgflowc_runtime.versions import MIGRATE

UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"
INSUFFICIENT_PRIVILEGE = "42501"
_FEW = 5  # slugs that a line names
NO_DATA_FOUND = "P0002"
# Missing schema, function, table.
_NOT_INSTALLED = ("3F000", "42883", "42P01")
# The classes of data exceptions and of what is too large; then also raise exception without a code.
DATA = ("22", "54")
_BAD_DATA = (*DATA, "P0001")


def of_statement(refused: Refused, dsn: str | None) -> Exception:
    """The exception to raise for a statement that failed; the driver's own if there is nothing better.

    `dsn` is None on the caller's own connection, whose losses are the caller's to handle.
    """
    state = refused.sqlstate or ""
    if dsn is not None and (refused.transient or isinstance(refused.error, psycopg.OperationalError)):
        return unavailable(dsn, refused.error)
    if state in _NOT_INSTALLED:
        return SchemaError(
            f"the pgflow core is not installed in this database, or not wholly: {refused.message}",
            help=MIGRATE,
        )
    if state == INSUFFICIENT_PRIVILEGE:
        return SchemaError(
            f"this role may not do that: {refused.message}",
            help="grant it what docs/client.md lists, or use another role",
        )
    if state.startswith(DATA):
        return InvalidInput(refused.message)
    return refused.error


def of_start(refused: Refused, flow_slug: str) -> PgflowcError | None:
    """The exception for a start that was refused; None if the error has another reason.

    An unknown flow is FlowNotFound without suggestions: `flow_not_found` adds them.
    """
    state = refused.sqlstate or ""
    if state == FOREIGN_KEY_VIOLATION:
        return flow_not_found(flow_slug, ())
    if state == UNIQUE_VIOLATION:
        return RunExists(refused.message, help=_CHOOSE)
    if state.startswith(_BAD_DATA):
        return InvalidInput(f"input of flow '{flow_slug}': {refused.message}")
    return None


_CHOOSE = "the id of a run names one flow and one input for ever: choose another id"


def run_exists(run_id: UUID, existing: ExistingRun, flow_slug: str, input: str) -> RunExists:
    """Names the run that is there, and the one that was to be started."""
    if existing.flow_slug != flow_slug:
        difference = f"of flow '{existing.flow_slug}', not '{flow_slug}'"
    else:
        difference = f"of flow '{flow_slug}', with input {_short(existing.input)}, not {_short(input)}"
    return RunExists(f"run {run_id} exists, {difference}", help=_CHOOSE)


def no_database() -> ConfigurationError:
    """A client that was made without a dsn is to use a connection of its own."""
    return ConfigurationError("this client has no database", help="give it a dsn, or a connection=")


def client_closed() -> ConfigurationError:
    """A client is used after it was closed, or closed while it is used."""
    return ConfigurationError("this client is closed", help="make another one")


def flow_not_found(flow_slug: str, known: Sequence[str]) -> FlowNotFound:
    """With the nearest slug that there is, else with the command that brings the flow."""
    help = did_you_mean(flow_slug, known) or f"{MIGRATE} to apply its migration"
    return FlowNotFound(f"no flow '{flow_slug}' in this database", help=help)


def schedule_not_found(flow_slug: str, scheduled: Sequence[str]) -> ScheduleNotFound:
    """The flow is there, its schedule is not."""
    few = ", ".join(scheduled[:_FEW]) + (", ..." if len(scheduled) > _FEW else "")
    with_one = f"; flows with a schedule: {few}" if scheduled else ""
    return ScheduleNotFound(
        f"flow '{flow_slug}' has no schedule",
        help=f"write 'cron' in its spec, run `pgflowc compile`, then `pgflowc db up`{with_one}",
    )


def job_not_understood(flow_slug: str) -> ScheduleNotFound:
    """The job of pg_cron that has the flow's name is somebody's own."""
    return ScheduleNotFound(
        f"pg_cron's job pgflow_{flow_slug} does something else than start a run",
        help=f"start one with its input: pgflowc start {flow_slug} --input JSON",
    )


def run_not_found(run_id: UUID) -> RunNotFound:
    """No such run."""
    return RunNotFound(f"no run {run_id} in this database", help="`pgflowc runs list` shows the latest ones")


def step_not_found(message: str, step_slug: str, known: Sequence[str]) -> StepNotFound:
    """The run has no such step; with the nearest one that it has."""
    help = did_you_mean(step_slug, known) or "`pgflowc runs show RUN_ID` lists its steps"
    return StepNotFound(message, help=help)


def wait_timeout(run_id: UUID, seconds: float) -> WaitTimeout:
    """The run goes on."""
    return WaitTimeout(
        f"run {run_id} is not finished after {seconds:g} s", help=f"it goes on: `pgflowc runs show {run_id}`"
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
