"""Starts runs in a test and drives them to their end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, overload
from uuid import UUID

from pgflowc_language.words import did_you_mean
from pgflowc_runtime import queries, run_faults, startup
from pgflowc_runtime.call import Refused, drive_async
from pgflowc_runtime.caller_connection import joined_async
from pgflowc_runtime.calls import looking, starting
from pgflowc_runtime.calls.starting import Starter
from pgflowc_runtime.database import Database
from pgflowc_runtime.errors import FlowNotFound, PgflowcError, RegistryError, RunNotFound
from pgflowc_runtime.executor import Executor
from pgflowc_runtime.flow import Flow
from pgflowc_runtime.queries import one_run
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import StoredStep
from pgflowc_runtime.run_ids import RunId, parse_run_id
from pgflowc_runtime.run_input import NO_INPUT
from pgflowc_runtime.signals import Delivery
from pgflowc_runtime.testing.drive import Drive, send
from pgflowc_runtime.testing.result import RunResult
from pgflowc_runtime.testing.stubs import Signals, Stubs, bind
from pgflowc_runtime.threads import Threads
from pgflowc_runtime.transaction import Transactions

InputT = TypeVar("InputT")
T = TypeVar("T")
Span = float | timedelta
"""Seconds, or a timedelta."""

PATIENCE_SECONDS = 60.0
_CONNECT_SECONDS = 5.0
_SESSIONS = 4


class RunStuck(PgflowcError, TimeoutError):  # noqa: N818 - it says what happened
    """The run has not come to its end, in real time; the text says what it waits for."""


class AsyncFlowRunner:
    """Runs flows in this process, on a database that has their migrations.

        result = await runner.run_flow(ProcessOrder, {"order_id": 7}, stubs={"charge": GatewayError("down")})

    Handlers are executed as by a worker: typed arguments, checked outputs, timeouts, retries, transactions.
    Waiting alone is left out. When a run has nothing to do until a retry or a delayed step is due, all of its
    times are moved into the past by that much, in the database, as if it had been started earlier. Other
    runs, in the same queue, too, keep their times, and none of their tasks is claimed.
    """

    def __init__(self, dsn: str, registry: Registry | None = None) -> None:
        """`registry` has the handlers of the steps that get no stub. Connects only when it is used."""
        self._dsn = dsn
        self._registry = registry
        self._flows: dict[str, Flow[Any]] = {}
        self._given: dict[UUID, tuple[Stubs, Signals]] = {}

    @overload
    async def run_flow(
        self,
        flow: Flow[InputT],
        input: InputT | dict[str, Any],
        *,
        stubs: Stubs | None = None,
        signals: Signals | None = None,
        within: Span | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RunResult: ...

    @overload
    async def run_flow(
        self,
        flow: str,
        input: Any = NO_INPUT,
        *,
        stubs: Stubs | None = None,
        signals: Signals | None = None,
        within: Span | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RunResult: ...

    async def run_flow(
        self,
        flow: Flow[Any] | str,
        input: Any = NO_INPUT,
        *,
        stubs: Stubs | None = None,
        signals: Signals | None = None,
        within: Span | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RunResult:
        """Start a run and drive it to its end; a failed run is a result, too.

        `stubs` stand in for handlers, by step; `signals` are sent to the tasks of their step as soon as they
        wait for one. A handler waits nowhere in its place here, so it is entered again. `within`: stop when
        so much of the run's time has passed, and it would have to wait longer; `drain` goes on from there.
        Raises RegistryError for a step that has neither stub nor handler, FlowMismatch or FlowNotFound for a
        flow that is not migrated or defined, InvalidInput, and RunStuck for a run that waits for a signal for
        ever, or that takes more than `patience` seconds of real time.
        """
        if isinstance(flow, Flow):
            self._flows[flow.slug] = flow
        async with self._open() as (database, can_wait):
            served = None if isinstance(flow, Flow) else await self._by_pattern(flow, database, can_wait)
            known = served or (flow if isinstance(flow, Flow) else self._newest(flow))
            bound = bind(known, self._registry, stubs or {}, signals or {})
            definitions = await startup.check_flows(database, bound)
            start = starting.start(Starter(), known, input, None, joined=True, pinned=True)
            async with database.connection() as connection:
                try:
                    run_id = await drive_async(start, joined_async(connection))
                except Refused as refused:
                    raise run_faults.of_statement(refused, None) from None
            self._given[run_id] = stubs or {}, signals or {}
            scene = _Scene(database, can_wait, bound, definitions, signals or {})
            return await self._drive(scene, run_id, within, patience)

    async def drain(
        self,
        run_id: RunId,
        *,
        stubs: Stubs | None = None,
        signals: Signals | None = None,
        within: Span | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RunResult:
        """Drive a run that was started by whomever to its end, and touch nothing else.

        Without `stubs` or `signals` those count that `run_flow` was given for the run. Raises as `run_flow`,
        and RunNotFound.
        """
        chosen = parse_run_id(run_id)
        before, sent_before = self._given.get(chosen, ({}, {}))
        given, sent = before if stubs is None else stubs, sent_before if signals is None else signals
        async with self._open() as (database, can_wait):
            run = (await database.run(queries.runs_by_id([chosen]))).get(chosen)
            if run is None:
                raise RunNotFound(f"no run {chosen}")
            known = await self._by_pattern(run.flow_slug, database, can_wait) or self._flow(run.flow_slug)
            bound = bind(known, self._registry, given, sent)
            definitions = await startup.check_flows(database, bound)
            scene = _Scene(database, can_wait, bound, definitions, sent)
            return await self._drive(scene, chosen, within, patience)

    async def signal(self, run_id: RunId, step: str, payload: Any = None, *, task_index: int = 0) -> Delivery:
        """Send a signal, as `Client.signal`; `drain` goes on from there."""
        async with self._open() as (database, _), database.connection() as connection:
            return await send(connection, parse_run_id(run_id), step, payload, task_index)

    async def _by_pattern(self, slug: str, database: Database, can_wait: bool) -> Flow[Any] | None:
        """A flow that a pattern of the registry serves, as it is defined now; None if none does."""
        pattern = None if self._registry is None else self._registry.pattern_of(slug)
        if pattern is None or slug in self._flows:
            return None
        stored = await database.run(queries.stored_flow(slug))
        if stored is None:
            raise FlowNotFound(
                f"no flow '{slug}' in this database", help="define it: client.upsert_flow(...)"
            )
        declared = await database.run(queries.declared_signals([slug])) if can_wait else {}
        return pattern.flow(slug, stored, declared)

    def _newest(self, name: str) -> Flow[Any]:
        """The newest version of a flow by its name."""
        given = [flow for flow in self._flows.values() if flow.called == name]
        found = self._registry.newest(name) if self._registry else None
        if given or found is None:
            return max(given, key=lambda flow: flow.version) if given else self._flow(name)
        return found.flow

    def _flow(self, slug: str) -> Flow[Any]:
        """What is stored under that slug."""
        if slug in self._flows:
            return self._flows[slug]
        registry = self._registry or Registry()
        if slug not in registry:
            raise RegistryError(
                f"nothing is known about flow '{slug}'",
                help=did_you_mean(slug, [bound.flow.slug for bound in registry])
                or "give its generated object to run_flow, or a registry that has it",
            )
        return registry[slug].flow

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple[Database, bool]]:
        """The database, and whether its tasks can wait for signals."""
        database = Database(self._dsn, application_name="pgflowc testing", size=_SESSIONS)
        try:
            await database.open(patience=_CONNECT_SECONDS)
            capabilities = await startup.check_schema(database)
            yield database, capabilities.has_signals
        finally:
            await database.close()

    async def _drive(self, scene: _Scene, run_id: UUID, within: Span | None, patience: float) -> RunResult:
        (only,) = scene.bound
        database = scene.database
        threads = Threads(spare=_SESSIONS)
        transactions = Transactions(database, threads, size=_SESSIONS)
        executor = Executor(scene.bound, scene.definitions, database, threads, transactions=transactions)
        executor.waits.in_place = False
        drive = Drive(
            database,
            executor,
            transactions,
            only.flow,
            run_id,
            signals=scene.signals,
            can_wait=scene.can_wait,
        )
        executing: list[str] = []
        try:
            driving = asyncio.ensure_future(drive.run(_seconds(within)))
            try:
                done, _ = await asyncio.wait({driving}, timeout=patience)
                executing = drive.executing
            finally:
                driving.cancel()
                await asyncio.wait({driving})
            if done:
                driving.result()
        finally:
            executor.close()
            await transactions.close()
            threads.close()
        result = await self._result(scene, run_id, drive.waited)
        if not done:
            raise RunStuck(f"after {patience:g} s still executing: {', '.join(executing) or 'nothing'}")
        if result.status == "started" and within is None:
            raise await _stuck(database, only.flow.slug, run_id)
        return result

    async def _result(self, scene: _Scene, run_id: UUID, waited: float) -> RunResult:
        database = scene.database
        runs = await database.run(queries.runs_by_id([run_id]))
        if run_id not in runs:
            raise RunNotFound(f"no run {run_id}: it was deleted")
        states = (await database.run(queries.step_states([run_id]))).get(run_id, ())
        if scene.can_wait and any(step.tasks_waiting for step in states):
            states = looking.with_waits(states, await database.run(queries.step_waits([run_id])))
        tasks = await database.run(queries.step_tasks(run_id, None))
        return RunResult(
            run=runs[run_id],
            steps=states,
            tasks=tuple(tasks),
            waited=waited,
        )


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a run is driven on: `can_wait` if the database has signals."""

    database: Database
    can_wait: bool
    bound: Registry
    definitions: dict[tuple[str, str], StoredStep]
    signals: Signals


class FlowRunner:
    """`AsyncFlowRunner` for tests that are no coroutines: the same methods, which block."""

    def __init__(self, dsn: str, registry: Registry | None = None) -> None:
        """As that of AsyncFlowRunner."""
        self._runner = AsyncFlowRunner(dsn, registry)

    @overload
    def run_flow(
        self,
        flow: Flow[InputT],
        input: InputT | dict[str, Any],
        *,
        stubs: Stubs | None = None,
        signals: Signals | None = None,
        within: Span | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RunResult: ...

    @overload
    def run_flow(
        self,
        flow: str,
        input: Any = NO_INPUT,
        *,
        stubs: Stubs | None = None,
        signals: Signals | None = None,
        within: Span | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RunResult: ...

    def run_flow(
        self,
        flow: Flow[Any] | str,
        input: Any = NO_INPUT,
        *,
        stubs: Stubs | None = None,
        signals: Signals | None = None,
        within: Span | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RunResult:
        """As `AsyncFlowRunner.run_flow`."""
        __tracebackhide__ = True
        run: Any = self._runner.run_flow
        finished: RunResult = _finished(
            run(flow, input, stubs=stubs, signals=signals, within=within, patience=patience)
        )
        return finished

    def drain(
        self,
        run_id: RunId,
        *,
        stubs: Stubs | None = None,
        signals: Signals | None = None,
        within: Span | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> RunResult:
        """As `AsyncFlowRunner.drain`."""
        __tracebackhide__ = True
        return _finished(
            self._runner.drain(run_id, stubs=stubs, signals=signals, within=within, patience=patience)
        )

    def signal(self, run_id: RunId, step: str, payload: Any = None, *, task_index: int = 0) -> Delivery:
        """As `AsyncFlowRunner.signal`."""
        __tracebackhide__ = True
        return _finished(self._runner.signal(run_id, step, payload, task_index=task_index))


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    __tracebackhide__ = True
    result = _in_thread(coroutine) if _in_loop() else _run(coroutine)
    if isinstance(result, PgflowcError):
        if result.help:
            result.add_note(f"help: {result.help}")
        # It is about the test, whose line comes last so.
        raise result.with_traceback(None)
    if isinstance(result, BaseException):
        raise result
    return result


def _run(coroutine: Coroutine[Any, Any, T]) -> T | BaseException:
    try:
        return asyncio.run(coroutine)
    except BaseException as error:
        return error


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_thread(coroutine: Coroutine[Any, Any, T]) -> T | BaseException:
    """For a caller that is in a coroutine, whose loop is blocked meanwhile."""
    results: list[T | BaseException] = []
    thread = threading.Thread(
        target=lambda: results.append(_run(coroutine)), name="pgflowc-testing", daemon=True
    )
    thread.start()
    thread.join()
    return results[0]


async def _stuck(database: Database, flow_slug: str, run_id: UUID) -> RunStuck:
    async with database.connection() as connection:
        cursor = await connection.execute(one_run.outlook(flow_slug), {"run_id": run_id})
        found = await cursor.fetchone()
    if found is not None and found["started"]:
        started = ", ".join(found["started"])
        return RunStuck(f"run {run_id} waits for {started}, which another worker has claimed")
    if found is not None and found["waiting"]:
        first, *_ = steps = found["waiting"]
        return RunStuck(
            f"run {run_id} waits for a signal to {', '.join(steps)}",
            help=f"give it: signals={{'{first}': ...}}, or stop there (within=0) and call signal()",
        )
    return RunStuck(f"run {run_id} has neither ended nor a task that could be executed")


def _seconds(span: Span | None) -> float | None:
    return span.total_seconds() if isinstance(span, timedelta) else span
