"""What errors of the database mean to a caller of a client, as exceptions of `errors.py`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from pgflowc_runtime.connection import headline, is_transient, unavailable
from pgflowc_runtime.errors import (
    FlowNotFound,
    InvalidInput,
    PgflowcError,
    RunExists,
    RunNotFound,
    SchemaError,
    WaitTimeout,
)
from pgflowc_runtime.versions import MIGRATE

_NOT_INSTALLED = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedTable,
)


def of_statement(error: psycopg.Error, dsn: str) -> PgflowcError | psycopg.Error:
    """The exception to raise for a statement that failed; the error itself if there is nothing better."""
    if isinstance(error, PoolTimeout) or is_transient(error):
        return unavailable(dsn, error)
    if isinstance(error, _NOT_INSTALLED):
        return SchemaError(
            f"the pgflow core is not installed in this database, or not wholly: {headline(error)}",
            help=MIGRATE,
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return SchemaError(
            f"this role may not do that: {headline(error)}",
            help="grant it what docs/client.md lists, or use another role",
        )
    return error


def of_start(error: psycopg.Error, flow_slug: str, run_id: UUID | None) -> PgflowcError | None:
    """The exception for a start that was refused; None if the error has another reason.

    An unknown flow is FlowNotFound without suggestions: `flow_not_found` adds them.
    """
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return FlowNotFound(
            f"no flow '{flow_slug}' in this database", help=f"{MIGRATE} to apply its migration"
        )
    if isinstance(error, psycopg.errors.UniqueViolation):
        return RunExists(f"there is a run {run_id} already")
    if isinstance(error, psycopg.errors.RaiseException | psycopg.DataError):
        return InvalidInput(f"input of flow '{flow_slug}': {headline(error)}")
    return None


def flow_not_found(flow_slug: str, known: Sequence[str]) -> FlowNotFound:
    """With the nearest slug that there is, else with the command that brings the flow."""
    close = get_close_matches(flow_slug, known, n=1)
    help = f"did you mean '{close[0]}'?" if close else f"{MIGRATE} to apply its migration"
    return FlowNotFound(f"no flow '{flow_slug}' in this database", help=help)


def run_not_found(run_id: UUID) -> RunNotFound:
    """No such run."""
    return RunNotFound(f"no run {run_id} in this database", help="`pgflowc runs list` shows the latest ones")


def wait_timeout(run_id: UUID, seconds: float) -> WaitTimeout:
    """The run goes on."""
    return WaitTimeout(
        f"run {run_id} is not finished after {seconds:g} s", help=f"it goes on: `pgflowc runs show {run_id}`"
    )
