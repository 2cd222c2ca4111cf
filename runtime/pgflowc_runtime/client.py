"""Start runs, look at them and manage them, from ordinary code.

A long file because it is a list: each method is a line over one of the `calls`, with its types.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from pgflowc_runtime import queries, run_faults, stored_json
from pgflowc_runtime.async_client import AsyncClient
from pgflowc_runtime.background import BackgroundLoop
from pgflowc_runtime.call import Call, Refused, Whole, ask, drive, refused
from pgflowc_runtime.caller_connection import joined
from pgflowc_runtime.calls import defining, looking, managing, pausing, scheduling, signalling, starting
from pgflowc_runtime.calls.starting import Delay, Starter
from pgflowc_runtime.connection import READ_ONLY, conninfo, is_transient, largest_pool
from pgflowc_runtime.flow import Flow
from pgflowc_runtime.pages import Cursor, RunPage
from pgflowc_runtime.queries import Query
from pgflowc_runtime.reports import Health, Pruned, Upserted
from pgflowc_runtime.rows import (
    FlowInfo,
    FlowVersion,
    FlowWithSteps,
    Run,
    RunStatus,
    RunWithStates,
    ScheduleInfo,
    SignalKind,
    StepState,
    StepTask,
    WaitingTask,
    WorkerInfo,
)
from pgflowc_runtime.run_ids import RunId
from pgflowc_runtime.run_input import NO_INPUT, FlowOrSlug
from pgflowc_runtime.run_watcher import BlockingRunWatcher
from pgflowc_runtime.signals import Delivery

if TYPE_CHECKING:
    from pgflowc_runtime.definitions import Definition

T = TypeVar("T")
InputT = TypeVar("InputT")
Connection = psycopg.Connection[DictRow]


def execute(connection: Connection, query: Query[T]) -> T:
    """Execute on this connection, in the transaction that it has; raises psycopg.Error. A connection that
    leads to a standby is closed: another one may lead to the server that has taken over.
    """
    try:
        return query.decode(connection.execute(query.sql, query.params).fetchall())
    except psycopg.errors.ReadOnlySqlTransaction:
        connection.close()
        raise


class Client:
    """Starts runs, reads and manages them, from threads; `AsyncClient` does the same in an event loop.

        with Client("postgresql:///shop") as client:
            run_id = client.start_flow(ProcessOrder, ProcessOrderInput(order_id=1, items=[]))
            run = client.wait(run_id, timeout=30)

    One client serves a whole process. It connects on first use. Starting calls take `connection=`, the
    caller's own connection, and then are part of its transaction; a client that does nothing else needs no
    `dsn`. Every method may raise DatabaseUnavailable or SchemaError, and psycopg.Error for what neither
    describes (on the caller's connection, the framework's own exception).
    """

    def __init__(self, dsn: str | None = None, *, pool_size: int = 4, patience: float = 0.0) -> None:
        """`patience`: seconds for which starting calls try again while the database is away.

        Raises ConfigurationError if one of them is malformed.
        """
        self._dsn = dsn
        self._conninfo = None if dsn is None else conninfo(dsn, "pgflowc client")
        self._starter = Starter(patience)
        self._opening = threading.Lock()
        self._closed = False
        self._background: tuple[BackgroundLoop, AsyncClient] | None = None
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._conninfo or "",
            connection_class=Connection,
            kwargs={"autocommit": True, "row_factory": dict_row},
            configure=stored_json.prepare_in_thread,
            min_size=1,
            max_size=largest_pool(pool_size),
            open=False,
            timeout=10,
            name="pgflowc-client",
        )

    def open(self) -> None:
        """Connect now instead of on first use."""
        try:
            self._connect()
        except Refused as error:
            raise run_faults.of_statement(error, self._dsn) from None

    def close(self) -> None:
        """Close the connections; the client cannot be used again."""
        with self._opening:
            self._closed = True
            background, self._background = self._background, None
        if background is not None:
            loop, client = background
            loop.close(client.close)
        self._pool.close()

    def __enter__(self) -> Client:
        if self._dsn is not None:
            self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Starting

    @overload
    def start_flow(
        self,
        flow: Flow[InputT],
        input: InputT | dict[str, Any],
        *,
        run_id: RunId | None = None,
        connection: Any = None,
    ) -> UUID: ...

    @overload
    def start_flow(
        self, flow: str, input: Any = NO_INPUT, *, run_id: RunId | None = None, connection: Any = None
    ) -> UUID: ...

    def start_flow(
        self, flow: FlowOrSlug, input: Any = NO_INPUT, *, run_id: RunId | None = None, connection: Any = None
    ) -> UUID:
        """Start a run and return its id. `input` is a model or plain data.

        `run_id` chooses the id: a run of that id, flow and input is then returned as it is. Raises
        FlowNotFound, InvalidInput, RunExists if the id names another run.
        """
        return self._start(flow, input, run_id, connection)

    def start_flows(
        self,
        flow: Flow[InputT] | str,
        inputs: Sequence[InputT | dict[str, Any]],
        *,
        run_ids: Sequence[RunId] | None = None,
        connection: Any = None,
    ) -> list[UUID]:
        """Start a run for each input, thousands at once; their ids in that order. All start, or none.

        Raises as `start_flow`.
        """
        call = starting.start_many(self._starter, flow, inputs, run_ids, joined=connection is not None)
        return self._do(call, connection)

    @overload
    def enqueue(
        self,
        job: Flow[InputT],
        input: InputT | dict[str, Any],
        *,
        delay_seconds: Delay | None = None,
        scheduled_at: datetime | None = None,
        run_id: RunId | None = None,
        connection: Any = None,
    ) -> UUID: ...

    @overload
    def enqueue(
        self,
        job: str,
        input: Any = NO_INPUT,
        *,
        delay_seconds: Delay | None = None,
        scheduled_at: datetime | None = None,
        run_id: RunId | None = None,
        connection: Any = None,
    ) -> UUID: ...

    def enqueue(
        self,
        job: FlowOrSlug,
        input: Any = NO_INPUT,
        *,
        delay_seconds: Delay | None = None,
        scheduled_at: datetime | None = None,
        run_id: RunId | None = None,
        connection: Any = None,
    ) -> UUID:
        """`start_flow` by the name that suits a job; to be taken up later if one of the two times is given.

        Raises InvalidTime for a time without a timezone, or both.
        """
        return self._start(job, input, run_id, connection, at=scheduled_at, delay=delay_seconds)

    def enqueue_in(
        self,
        job: Flow[InputT] | str,
        input: InputT | dict[str, Any],
        delay: Delay,
        *,
        run_id: RunId | None = None,
        connection: Any = None,
    ) -> UUID:
        """`enqueue`, to be taken up after `delay` (seconds or a timedelta; less than none is none)."""
        return self._start(job, input, run_id, connection, delay=starting.seconds_of(delay))

    def enqueue_at(
        self,
        job: Flow[InputT] | str,
        input: InputT | dict[str, Any],
        at: datetime,
        *,
        run_id: RunId | None = None,
        connection: Any = None,
    ) -> UUID:
        """`enqueue`, to be taken up at a time of any timezone; the past means now.

        Raises InvalidTime for a time without a timezone.
        """
        return self._start(job, input, run_id, connection, at=looking.with_timezone(at))

    def _start(
        self,
        flow: FlowOrSlug,
        input: Any,
        run_id: RunId | None,
        connection: Any,
        *,
        at: datetime | None = None,
        delay: Delay | None = None,
    ) -> UUID:
        is_joined = connection is not None
        call = starting.start(self._starter, flow, input, run_id, at=at, delay=delay, joined=is_joined)
        return self._do(call, connection)

    @overload
    def start_flow_sync(
        self,
        flow: Flow[InputT],
        input: InputT | dict[str, Any],
        *,
        run_id: RunId | None = None,
        timeout: float | None = None,
    ) -> Run: ...

    @overload
    def start_flow_sync(
        self,
        flow: str,
        input: Any = NO_INPUT,
        *,
        run_id: RunId | None = None,
        timeout: float | None = None,
    ) -> Run: ...

    def start_flow_sync(
        self,
        flow: FlowOrSlug,
        input: Any = NO_INPUT,
        *,
        run_id: RunId | None = None,
        timeout: float | None = None,
    ) -> Run:
        """`start_flow`, then `wait`."""
        loop, client = self._in_background()
        return loop.run(client.start_flow_sync(flow, input, run_id=run_id, timeout=timeout))

    # Waiting

    def wait(self, run_id: RunId, *, timeout: float | None = None) -> Run:
        """The run when it has ended. Raises WaitTimeout after `timeout` seconds, RunNotFound, InvalidRunId.

        An outage of the database is waited out, for a minute at most.
        """
        run = self.get_run(run_id)
        if run.finished:
            return run
        loop, client = self._in_background()
        return loop.run(client.wait(run_id, timeout=timeout))

    def watch(self, *run_ids: RunId) -> BlockingRunWatcher:
        """Follow runs: an iterator of what happens to them, until all have ended.

        Raises InvalidRunId; the iterator raises RunNotFound.
        """
        loop, client = self._in_background()
        return BlockingRunWatcher(loop, client.watch(*run_ids))

    def hear(self, topic: str) -> bool:
        """Look at a run now: an event with this topic (`pgflow:run:RUN_ID`) has come by another way than
        NOTIFY: Supabase broadcasts them. False if it is no topic of a run.
        """
        loop, client = self._in_background()
        return loop.call(lambda: client.hear(topic))

    def _in_background(self) -> tuple[BackgroundLoop, AsyncClient]:
        """The loop and the client that waiting is left to, so that it is written once."""
        with self._opening:
            if self._closed:
                raise run_faults.client_closed()
            if self._background is None:
                client = AsyncClient(self._dsn, pool_size=2, patience=self._starter.patience)
                self._background = BackgroundLoop(), client
            return self._background

    # Looking

    def get_run(self, run_id: RunId) -> Run:
        """The run. Raises RunNotFound, InvalidRunId."""
        return self._do(looking.get_run(run_id))

    def get_run_with_states(self, run_id: RunId) -> RunWithStates:
        """The run and its steps in order of definition. Raises RunNotFound, InvalidRunId."""
        return self._do(looking.get_run_with_states(run_id))

    def list_runs(
        self,
        flow: FlowOrSlug | None = None,
        *,
        status: RunStatus | None = None,
        kind: Literal["flow", "job"] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        input: Any = None,
        limit: int = 50,
        after: Cursor | str | None = None,
    ) -> RunPage:
        """A page of runs, the latest first: those that fit all that is given.

        Started from `since` on and before `until`, with an input that contains `input` (`{"order_id": 1}`).
        `after=page.next` goes on; runs that start meanwhile move nothing. Raises InvalidInput, InvalidCursor.
        """
        return self._do(
            looking.list_runs(
                self._starter.ask_features, flow, status, kind, since, until, input, limit, after
            )
        )

    def list_step_states(self, run_id: RunId) -> tuple[StepState, ...]:
        """The run's steps in order of definition; empty for an unknown run."""
        return self._do(looking.list_step_states(run_id))

    def list_step_tasks(self, run_id: RunId, step_slug: str | None = None) -> list[StepTask]:
        """The run's tasks, or those of one step, by step and index; empty for an unknown run."""
        return self._do(looking.list_step_tasks(run_id, step_slug))

    def flow_exists(self, flow: FlowOrSlug) -> bool:
        """Whether the database has the flow."""
        return self._do(looking.flow_exists(self._starter.ask_features, flow))

    def get_flow(self, flow: FlowOrSlug) -> FlowWithSteps:
        """The flow with its steps and dependencies. Raises FlowNotFound."""
        found = self._do(looking.get_flow(self._starter.ask_features, flow))
        return self._do(pausing.with_pause(self._starter, found))

    def list_flows(self) -> list[FlowInfo]:
        """The flows and jobs in the database, by slug."""
        flows = self._do(ask(queries.flows()))
        return self._do(pausing.with_pauses(self._starter, flows))

    def list_versions(self) -> list[FlowVersion]:
        """Every stored flow with the name and the version that it is, and its runs that are alive."""
        return self._do(looking.list_versions(self._starter.ask_features))

    def list_workers(self, *, include_stopped: bool = False) -> list[WorkerInfo]:
        """The workers that are alive, or all on record, the latest first."""
        return self._do(looking.list_workers(include_stopped))

    def check_schema(self) -> None:
        """Raise SchemaError if what is installed is none that this pgflowc knows. Nothing else asks for it:
        application code should go on beside a newer core while the workers are replaced.
        """
        self._do(looking.check_schema())

    def health_check(self) -> Health:
        """What is installed, flows, workers alive, and problems such as tasks that no worker serves."""
        return self._do(pausing.health_check(self._starter))

    # Managing

    def upsert_flow(
        self,
        definition: Definition | Mapping[str, Any] | str,
        options: Mapping[str, Any] | None = None,
        steps: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        allow_data_loss: bool = False,
    ) -> Upserted:
        """Define a flow from data at run time, or make the stored one agree with it: a definition, or a slug
        with options and steps.

        A flow with other steps is deleted with all its runs, if `allow_data_loss`; other options, signals, a
        schedule and a retention are set in place, or removed. Raises InvalidDefinition, FlowMismatch instead
        of losing data, and SchemaError where the database has no schedules, retention or signals.
        """
        from pgflowc_runtime.definitions import read_definition  # takes time to load, and few define flows

        wanted = read_definition(definition, options, steps)
        return self._do(defining.upsert_flow(self._starter, wanted, allow_data_loss))

    def delete_flow(self, flow: FlowOrSlug) -> None:
        """Delete a flow with versions, schedule, retention, queue and all its runs. Raises FlowNotFound."""
        self._do(defining.delete_flow(self._starter, flow))

    def signal(
        self,
        run_id: RunId,
        step: str,
        payload: Any = None,
        *,
        task_index: int = 0,
        connection: Any = None,
    ) -> Delivery:
        """Send a signal to a task of a run: `delivered` to one that waits or to an approval, `buffered` for
        the wait that comes, or `ignored` because the run, step, task or its time is over.

        `payload` is anything JSON can hold, or a pydantic model. Raises RunNotFound, StepNotFound,
        InvalidRunId, and InvalidInput for a payload that the step's declaration does not allow.
        """
        return self._do(signalling.signal(run_id, step, payload, task_index), connection)

    def list_waiting(
        self,
        flow: FlowOrSlug | None = None,
        *,
        step: str | None = None,
        kind: SignalKind | None = None,
        limit: int = 100,
    ) -> list[WaitingTask]:
        """The tasks that wait for a signal, those that have waited longest first; `kind` is `signal` or
        `approval`.
        """
        return self._do(looking.list_waiting(self._starter.ask_features, flow, step, kind, limit))

    def cancel_run(self, run_id: RunId, *, reason: str | None = None) -> bool:
        """End a run as failed; False if it was over. Raises RunNotFound, InvalidRunId."""
        return self._do(managing.cancel_run(run_id, reason))

    def retry_run(self, run_id: RunId) -> bool:
        """Let a failed run go on where it failed, what is finished kept; False if it is not failed.

        Raises RunNotFound, InvalidRunId.
        """
        return self._do(managing.retry_run(run_id))

    def pause_queue(self, flow: FlowOrSlug, *, reason: str | None = None) -> bool:
        """Let no worker take tasks of the flow until `resume_queue`; False if it was paused.

        What is running goes on; runs start, and schedules fire, as before: their tasks wait. Raises
        FlowNotFound.
        """
        return self._do(pausing.pause_queue(self._starter, flow, reason))

    def resume_queue(self, flow: FlowOrSlug) -> bool:
        """End a pause; workers take the tasks that wait at once. False if there was none. Raises
        FlowNotFound.
        """
        return self._do(pausing.resume_queue(self._starter, flow))

    def list_schedules(self) -> list[ScheduleInfo]:
        """The schedules that workers keep, by flow, each with its last run."""
        return self._do(scheduling.list_schedules())

    def pause_schedule(self, flow: FlowOrSlug) -> bool:
        """Let the flow not start by itself until `resume_schedule`; False if it was paused.

        Raises FlowNotFound, ScheduleNotFound.
        """
        return self._do(scheduling.pause_schedule(flow))

    def resume_schedule(self, flow: FlowOrSlug) -> bool:
        """End a pause, and make up for nothing of it; False if there was none.

        Raises FlowNotFound, ScheduleNotFound.
        """
        return self._do(scheduling.resume_schedule(flow))

    def trigger_schedule(self, flow: FlowOrSlug) -> UUID:
        """Start a run now as the schedule would, also while it is paused; the run's id.

        Raises FlowNotFound, ScheduleNotFound.
        """
        return self._do(scheduling.trigger_schedule(flow))

    def prune(self, older_than: timedelta, *, flows: Sequence[FlowOrSlug] | None = None) -> Pruned:
        """Delete runs of these flows (None: all) that ended longer ago, with all they left, and dead workers.

        Raises FlowNotFound.
        """
        return self._do(managing.prune(self._starter.ask_features, older_than, flows))

    def count_ended(self, older_than: timedelta, *, flows: Sequence[FlowOrSlug] | None = None) -> int:
        """How many runs of these flows (None: all) ended longer ago: those that `prune` would delete.

        Raises FlowNotFound.
        """
        return self._do(managing.count_ended(self._starter.ask_features, older_than, flows))

    # How calls reach the database

    def _do(self, call: Call[T], connection: Any = None) -> T:
        """Carry out a call, on the caller's connection or our own."""
        try:
            if connection is not None:
                return drive(call, joined(connection))
            return drive(call, self._execute, self._transaction)
        except Refused as error:
            dsn = None if connection is not None else self._dsn
            raise run_faults.of_statement(error, dsn) from None

    def _execute(self, query: Query[Any]) -> Any:
        """Execute in a transaction of its own; once more if the connection turns out to be broken."""
        self._connect()
        try:
            try:
                with self._pool.connection() as connection:
                    return execute(connection, query)
            except psycopg.Error as error:
                if not is_transient(error) or isinstance(error, PoolTimeout):
                    raise
            # The server has restarted, or something between cut the connection: replace all that are broken.
            self._pool.check()
            with self._pool.connection() as connection:
                return execute(connection, query)
        except psycopg.Error as error:
            raise refused(error) from error

    def _transaction(self, wish: Whole) -> Any:
        self._connect()
        # A broken connection would be found out in the middle, when it is too late for another one.
        self._pool.check()
        try:
            with self._pool.connection() as connection, connection.transaction():
                try:
                    return drive(wish.make(), joined(connection))
                except Refused as error:
                    if error.sqlstate == READ_ONLY:
                        connection.close()  # as `execute` does
                    raise
        except psycopg.Error as error:
            raise refused(error) from error

    def _connect(self) -> None:
        if self._conninfo is None:
            raise run_faults.no_database()
        with self._opening:
            if self._closed:
                raise run_faults.client_closed()
            if self._pool.closed:
                try:
                    # The pool would hide the reason behind a timeout.
                    psycopg.connect(self._conninfo).close()
                except psycopg.OperationalError as error:
                    raise refused(error) from error
                self._pool.open()
