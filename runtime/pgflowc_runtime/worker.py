"""A worker: one process that executes the tasks of many flows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any

import psycopg

from pgflowc_runtime import queries, startup, telemetry, waking
from pgflowc_runtime.assignments import Assignments
from pgflowc_runtime.attention import Attention
from pgflowc_runtime.claim_loop import ClaimLoop
from pgflowc_runtime.config import WorkerConfig
from pgflowc_runtime.database import Database
from pgflowc_runtime.discovery import Discovery, Queues
from pgflowc_runtime.drain import COURTESY_SECONDS, GOODBYE_SECONDS, Drain
from pgflowc_runtime.errors import ConfigurationError
from pgflowc_runtime.exchange import Exchange, choose
from pgflowc_runtime.executor import Executor
from pgflowc_runtime.lifecycle import Lifecycle, State
from pgflowc_runtime.listener import Listener
from pgflowc_runtime.recorder import Recorder
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import Capabilities, StoredStep
from pgflowc_runtime.scheduler.scheduler import Scheduler
from pgflowc_runtime.signals import Waits
from pgflowc_runtime.threads import Threads
from pgflowc_runtime.transaction import Transactions
from pgflowc_runtime.upkeep import Heartbeat, Recovery, Retention
from pgflowc_runtime.waking import Waking

log = logging.getLogger("pgflowc.worker")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a worker knows when it has looked at the database, before it takes the first task."""

    capabilities: Capabilities
    definitions: dict[tuple[str, str], StoredStep]
    exchange: Exchange
    waking: Waking


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a worker ended: `given_back` counts tasks that were running at the end of the drain time."""

    given_back: int


class Worker:
    """Executes the tasks of a registry's flows.

        async with Worker(registry, dsn="postgresql:///shop") as worker:
            await worker.run()

    `run()` returns after `stop()`, or when somebody has deprecated the worker for all its flows. Leaving the
    block stops it as well. Everything happens in the event loop in which it was started.
    """

    def __init__(self, registry: Registry, *, dsn: str, config: WorkerConfig | None = None) -> None:
        """Connects nothing yet. ConfigurationError if `dsn` is malformed or the registry is empty."""
        if not len(registry) and not registry.patterns:
            raise ConfigurationError(
                "the registry has no flow", help="write a spec and run `pgflowc compile`"
            )
        self.config = config or WorkerConfig()
        self.name = self.config.worker_name or "pgflowc"
        self.lifecycle = Lifecycle()
        # Flows that patterns find are bound in it.
        self._registry = registry = registry.copy()
        self._database = Database(
            dsn, application_name=f"pgflowc worker {self.name}", size=self.config.pool_size
        )
        self._queues = Queues([bound.flow.slug for bound in registry])
        self._worker_ids = self._queues.ids
        self._attention = Attention(self._worker_ids)
        self._threads = Threads(spare=self.config.max_concurrency)
        self._background: dict[str, asyncio.Task[None]] = {}
        self._deprecated_flows: set[str] = set()
        self._stop_requested = asyncio.Event()
        self._hurry = asyncio.Event()
        self._ending: asyncio.Task[Stopped] | None = None
        self._listener: Listener | None = None

    # Life

    @property
    def starting(self) -> bool:
        """Whether it has not begun to work yet."""
        return self.lifecycle.state in (State.CREATED, State.STARTING)

    def unready(self) -> dict[str, str]:
        """Why it does not take tasks as it should, by what is not right; empty if all is well.

        Schema and flows are right if it runs: it would not have begun.
        """
        faults: dict[str, str] = {}
        if self.lifecycle.state is not State.RUNNING:
            faults["worker"] = str(self.lifecycle.state)
        else:
            if not self._claim_loop.database_answers:
                faults["database"] = "does not answer"
            if self._listener is not None and not self._listener.connected:
                faults["listener"] = "not connected"
        if self._deprecated_flows:
            faults["flows"] = f"deprecated for {', '.join(sorted(self._deprecated_flows))}"
        return faults

    async def start(self) -> None:
        """Connect, check the database and begin to claim.

        Raises DatabaseUnavailable, SchemaError, FlowMismatch or psycopg.Error; the worker is stopped then.
        """
        self.lifecycle.move(State.STARTING)
        try:
            prepared = await startup.persist(self._prepare, self.config.startup_timeout)
        except BaseException:
            self.lifecycle.move(State.STOPPED)
            raise
        self._begin(prepared)
        self.lifecycle.move(State.RUNNING)
        log.info(
            "worker %s serves %s",
            self.name,
            ", ".join([*self._worker_ids, *(pattern.glob for pattern in self._registry.patterns)]),
            extra={"pgflow": {"concurrency": self.config.max_concurrency}},
        )
        telemetry.emit("worker.start", {}, self._identity())

    async def run(self) -> Stopped:
        """Start if need be, work until told to stop, drain. Raises what `start` raises."""
        if self.lifecycle.state is not State.RUNNING:
            await self.start()
        stopping = asyncio.ensure_future(self._stop_requested.wait())
        try:
            await asyncio.wait({stopping, *self._background.values()}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            result = await self._end()
        return result

    def stop(self, *, at_once: bool = False) -> None:
        """Claim no more and let running handlers end within the drain time; `at_once`: give their tasks back
        now.
        """
        self._stop_requested.set()
        if at_once:
            self._hurry.set()

    async def __aenter__(self) -> Worker:
        if self.lifecycle.state is State.CREATED:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        await self._end()

    # Beginning

    async def _prepare(self, patience: float) -> _Prepared:
        try:
            await self._database.open(patience=patience)
            capabilities = await startup.check_schema(self._database)
            definitions = await startup.check_flows(self._database, self._registry)
            await self._register()
            exchange = choose(self._database, capabilities)
            for flow, worker_id in islice(self._worker_ids.items(), 1):
                await self._database.rehearse(exchange.rehearsal(flow, worker_id))
            chosen = await waking.choose(
                self._database, self._attention, self._worker_ids, self.config, capabilities
            )
        except BaseException:
            await self._database.close()
            raise
        return _Prepared(capabilities, definitions, exchange, chosen)

    async def _register(self) -> None:
        await self._database.run(queries.track_worker_function(self.name))
        self._heartbeat = Heartbeat(
            self._database,
            lambda: self._queues.served,
            self.name,
            interval=self.config.heartbeat_interval / 1000,
            idle=lambda: self._assignments.idle,
            deprecated=self._deprecated,
        )
        await self._heartbeat.beat()

    def _begin(self, prepared: _Prepared) -> None:
        capabilities = prepared.capabilities
        self._listener = prepared.waking.listener
        self._transactions = Transactions(self._database, self._threads, size=self.config.max_concurrency)
        self._executor = Executor(
            self._registry,
            prepared.definitions,
            self._database,
            self._threads,
            transactions=self._transactions,
            output_warning_size=self.config.output_warning_size,
            output_limit_size=self.config.output_limit_size,
        )
        self._hear_signals(self._executor.waits, prepared.waking)
        self._exchange = prepared.exchange
        self._assignments = assignments = Assignments(
            self._executor,
            self._transactions,
            self._exchange,
            self._database,
            limit=self.config.max_concurrency,
        )
        self._spawn("heartbeat", self._heartbeat.run())
        self._spawn("run ends", assignments.run_ends.run())
        self._spawn("run watch", self._executor.watch_runs(self.config.heartbeat_interval / 1000))
        if capabilities.has_recover:
            recover = queries.recover_stalled_tasks(self.config.stale_threshold)
        else:
            recover = queries.requeue_stalled_tasks()
        if capabilities.has_recover or capabilities.has_requeue:
            interval = self.config.recovery_interval / 1000
            recovery = Recovery(
                self._database, self._attention, recover, interval=interval, idle=lambda: assignments.idle
            )
            self._spawn("recovery", recovery.run())
        if capabilities.has_retention:
            self._spawn("retention", Retention(self._database, idle=lambda: assignments.idle).run())
        if capabilities.has_schedules:
            self._spawn("scheduler", Scheduler(self._database, prepared.waking.session).run())
        if not capabilities.has_batches:
            log.warning("this database lacks pgflowc's batch functions: using the core's, one task at a time")
        self._recorder = Recorder(self._database, assignments.judged)
        self._claim_loop = ClaimLoop(
            self._exchange,
            self._recorder,
            self._attention,
            prepared.waking.waiting,
            self._worker_ids,
            assignments,
            worker_name=self.name,
            batch_size=self.config.batch_size,
            trips=self.config.pool_size,
        )
        assignments.report_to(self._claim_loop)
        self._spawn("claims", self._claim_loop.run())
        if self._registry.patterns:
            discovery = Discovery(
                self._database,
                self._registry,
                self._executor,
                self._attention,
                self._queues,
                register=self._heartbeat.beat,
                listener=self._listener,
                session=prepared.waking.session if capabilities.tells_flows else None,
                has_signals=capabilities.has_signals,
            )
            self._spawn("discovery", discovery.run())
        # When all have said what they listen to.
        if self._listener is not None:
            self._spawn("listener", self._listener.run())
        if prepared.waking.session is not None:
            self._spawn("session", prepared.waking.session.run())

    def _hear_signals(self, waits: Waits, chosen: Waking) -> None:
        self._attention.on_signal(waits.heard)
        session = chosen.session
        if session is not None and chosen.listener is not None and chosen.listener.tells_signals:
            waits.listen(lambda: session.connected)
            session.on_change(waits.look_again)

    def _spawn(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine, name=f"pgflowc-{name}")
        self._background[name] = task
        task.add_done_callback(self._background_ended)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("%s ended: the worker stops", task.get_name(), exc_info=error)
            self.stop()

    def _deprecated(self, queues: frozenset[str]) -> None:
        for queue in sorted(queues - self._deprecated_flows):
            self._deprecated_flows.add(queue)
            log.warning("deprecated for flow %s: taking no more of its tasks", queue)
            self._attention.drop(queue)
        if not self._attention.any_left and not self._registry.patterns:
            self.stop()

    # Ending

    async def _end(self) -> Stopped:
        """Drain, once; who else asks meanwhile waits for the same end."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._drain(), name="pgflowc-drain")
        return await asyncio.shield(self._ending)

    async def _drain(self) -> Stopped:
        self.lifecycle.move(State.STOPPING)
        began = time.monotonic()
        crashed = [task for task in self._background.values() if task.done() and not task.cancelled()]
        self._claim_loop.stop()
        self._executor.drain()
        if not self._assignments.idle:
            log.info("stopping: waiting for %d running tasks", len(list(self._assignments.held())))
        drain = Drain(self._database, self._exchange, self._assignments, self._recorder, self._claim_loop)
        await drain.wait(self._background["claims"], self._hurry, self.config.drain_timeout)
        given_back = await drain.give_back()
        await self._abandon_background()
        await self._say_goodbye()
        await self._transactions.close()
        await self._database.close()
        self._executor.close()
        self._threads.close()
        self.lifecycle.move(State.STOPPED)
        log.info("stopped", extra={"pgflow": {"given_back": given_back}})
        telemetry.emit(
            "worker.stop",
            {"duration": time.monotonic() - began, "given_back": given_back},
            self._identity(),
        )
        for task in crashed:
            task.result()  # raises what ended the loop
        return Stopped(given_back)

    async def _abandon_background(self) -> None:
        for task in self._background.values():
            task.cancel()
        if self._background:
            await asyncio.wait(set(self._background.values()), timeout=COURTESY_SECONDS)

    async def _say_goodbye(self) -> None:
        if not self._claim_loop.database_answers:
            return
        with contextlib.suppress(TimeoutError, psycopg.Error, OSError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._database.run(queries.mark_worker_stopped(list(self._worker_ids.values())))
                await self._assignments.run_ends.tell()

    def _identity(self) -> dict[str, object]:
        return {"worker_name": self.name, "flows": tuple(self._queues.served)}
