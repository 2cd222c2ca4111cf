"""Start runs and look at them, from ordinary code."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar, overload
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from pgflowc_runtime import queries, run_faults
from pgflowc_runtime.connection import conninfo, is_transient, unavailable
from pgflowc_runtime.errors import FlowNotFound
from pgflowc_runtime.flow import Flow
from pgflowc_runtime.polling import pauses
from pgflowc_runtime.queries import Query
from pgflowc_runtime.rows import FlowInfo, Run, RunStatus, RunWithStates, StepTask
from pgflowc_runtime.run_input import FlowOrSlug, encode, slug_of
from pgflowc_runtime.versions import check_capabilities, check_versions

T = TypeVar("T")
InputT = TypeVar("InputT")


class Client:
    """Starts runs and reads them, from threads; `AsyncClient` does the same in an event loop.

        with Client("postgresql:///shop") as client:
            run_id = client.start_flow(ProcessOrder, ProcessOrderInput(order_id=1, items=[]))
            run = client.wait(run_id, timeout=30)

    One client serves a whole process. It connects on first use. Every method may raise DatabaseUnavailable or
    SchemaError, and psycopg.Error for what neither describes.
    """

    def __init__(self, dsn: str, *, pool_size: int = 4) -> None:
        """Raises ConfigurationError if `dsn` is malformed."""
        self._dsn = dsn
        self._conninfo = conninfo(dsn, "pgflowc client")
        self._opening = threading.Lock()
        self._pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
            self._conninfo,
            connection_class=psycopg.Connection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=pool_size,
            open=False,
            timeout=10,
            name="pgflowc-client",
        )

    def open(self) -> None:
        """Connect now instead of on first use."""
        with self._opening:
            if self._pool.closed:
                try:
                    # The pool would hide the reason behind a timeout.
                    psycopg.connect(self._conninfo).close()
                except psycopg.OperationalError as error:
                    raise unavailable(self._dsn, error) from None
                self._pool.open()

    def close(self) -> None:
        """Close the connections; the client cannot be used again."""
        self._pool.close()

    def __enter__(self) -> Client:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Starting

    @overload
    def start_flow(
        self, flow: Flow[InputT], input: InputT | dict[str, Any], *, run_id: UUID | None = None
    ) -> UUID: ...

    @overload
    def start_flow(self, flow: str, input: Any = None, *, run_id: UUID | None = None) -> UUID: ...

    def start_flow(self, flow: FlowOrSlug, input: Any = None, *, run_id: UUID | None = None) -> UUID:
        """Start a run and return its id. `input` is a model or plain data; `run_id` chooses the id.

        Raises FlowNotFound, InvalidInput, or RunExists if the id is taken.
        """
        return self._start(flow, input, run_id)

    def wait(self, run_id: UUID, *, timeout: float | None = None) -> Run:
        """The run when it has ended. Raises WaitTimeout after `timeout` seconds, RunNotFound."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for pause in pauses():
            status = self._run(queries.run_status(run_id))
            if status != "started":
                return self.get_run(run_id)
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise run_faults.wait_timeout(run_id, timeout or 0.0)
                pause = min(pause, left)
            time.sleep(pause)
        raise AssertionError("pauses never end")

    def start_flow_sync(
        self, flow: FlowOrSlug, input: Any = None, *, run_id: UUID | None = None, timeout: float | None = None
    ) -> Run:
        """`start_flow`, then `wait`."""
        return self.wait(self._start(flow, input, run_id), timeout=timeout)

    # Looking

    def check_schema(self) -> None:
        """Raise SchemaError if what is installed is none that this pgflowc knows. Nothing else asks for it:
        application code should go on beside a newer core while the workers are replaced.
        """
        capabilities = self._run(queries.capabilities())
        check_capabilities(capabilities)
        if capabilities.versions_recorded:
            # A role that may only start runs cannot see the versions.
            with suppress(psycopg.errors.InsufficientPrivilege):
                check_versions(self._execute(queries.installed_components()))

    def get_run(self, run_id: UUID) -> Run:
        """The run; raises RunNotFound."""
        run = self._run(queries.run(run_id))
        if run is None:
            raise run_faults.run_not_found(run_id)
        return run

    def get_run_with_states(self, run_id: UUID) -> RunWithStates:
        """The run and its steps in order of definition; raises RunNotFound."""
        return RunWithStates(run=self.get_run(run_id), steps=self._run(queries.step_states(run_id)))

    def list_runs(
        self, flow: FlowOrSlug | None = None, *, status: RunStatus | None = None, limit: int = 50
    ) -> list[Run]:
        """Runs of that flow (any) and status (any), the latest first; at most `limit`."""
        return self._run(queries.runs(None if flow is None else slug_of(flow), status, limit))

    def list_step_tasks(self, run_id: UUID, step_slug: str | None = None) -> list[StepTask]:
        """The run's tasks, or those of one step, by step and index; empty for an unknown run."""
        return self._run(queries.step_tasks(run_id, step_slug))

    def list_flows(self) -> list[FlowInfo]:
        """The flows and jobs in the database, by slug."""
        return self._run(queries.flows())

    def flow_exists(self, flow: FlowOrSlug) -> bool:
        """Whether the database has the flow."""
        found = self._run(queries.flows(slug_of(flow)))
        return bool(found)

    def _start(self, flow: FlowOrSlug, input: Any, run_id: UUID | None) -> UUID:
        slug = slug_of(flow)
        # An id of our own makes it safe to try again after a lost connection.
        chosen = run_id or uuid4()
        query = queries.start_flow(slug, encode(flow, input), chosen)
        try:
            return self._execute(query)
        except psycopg.Error as error:
            if isinstance(error, psycopg.errors.UniqueViolation) and run_id is None:
                return chosen  # an attempt whose answer was lost
            fault = run_faults.of_start(error, slug, chosen) or run_faults.of_statement(error, self._dsn)
            if isinstance(fault, FlowNotFound):
                fault = run_faults.flow_not_found(slug, [known.slug for known in self.list_flows()])
            raise fault from None

    def _run(self, query: Query[T]) -> T:
        try:
            return self._execute(query)
        except psycopg.Error as error:
            raise run_faults.of_statement(error, self._dsn) from None

    def _execute(self, query: Query[T]) -> T:
        self.open()
        try:
            return self._once(query)
        except psycopg.Error as error:
            if not is_transient(error) or isinstance(error, PoolTimeout):
                raise
        # The server has restarted, or something between cut the connection: replace all that are broken.
        self._pool.check()
        return self._once(query)

    def _once(self, query: Query[T]) -> T:
        with self._pool.connection() as connection:
            return query.decode(connection.execute(query.sql, query.params).fetchall())
