"""A worker: one process that executes the tasks of many flows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

import psycopg

from pgflowc_runtime import queries, startup
from pgflowc_runtime.attention import Attention
from pgflowc_runtime.claim_loop import ClaimLoop, fast_claim, foreign_claim
from pgflowc_runtime.config import WorkerConfig
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.errors import ConfigurationError
from pgflowc_runtime.executor import CANCEL_GRACE_SECONDS, Executor
from pgflowc_runtime.lifecycle import Lifecycle, State
from pgflowc_runtime.listener import Listener
from pgflowc_runtime.logging import task_fields
from pgflowc_runtime.outcome import Completed, Failed, Outcome, from_exception
from pgflowc_runtime.recorder import Recorder
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import Capabilities, ClaimedTask, StoredStep
from pgflowc_runtime.threads import Threads
from pgflowc_runtime.upkeep import Heartbeat, Recovery
from pgflowc_runtime.waiting import Notified, Polling, Waiting

log = logging.getLogger("pgflowc.worker")

# At the end nothing may hang: what the database does not take in this time, recovery mends later.
_GOODBYE_SECONDS = 5.0


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
        if not len(registry):
            raise ConfigurationError(
                "the registry has no flow", help="write a spec and run `pgflowc compile`"
            )
        self.config = config or WorkerConfig()
        self.name = self.config.worker_name or "pgflowc"
        self.lifecycle = Lifecycle()
        self._registry = registry
        self._database = Database(
            dsn, application_name=f"pgflowc worker {self.name}", size=self.config.pool_size
        )
        self._worker_ids: dict[str, UUID] = {bound.flow.slug: uuid4() for bound in registry}
        self._attention = Attention(self._worker_ids)
        self._threads = Threads(spare=self.config.max_concurrency)
        self._inflight: dict[asyncio.Task[None], ClaimedTask] = {}
        self._background: dict[str, asyncio.Task[None]] = {}
        self._deprecated_flows: set[str] = set()
        self._stop_requested = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stopped: Stopped | None = None

    # Life

    @property
    def starting(self) -> bool:
        """Whether it has not begun to work yet."""
        return self.lifecycle.state in (State.CREATED, State.STARTING)

    async def start(self) -> None:
        """Connect, check the database and begin to claim.

        Raises DatabaseUnavailable, SchemaError, FlowMismatch or psycopg.Error; the worker is stopped then.
        """
        self.lifecycle.move(State.STARTING)
        try:
            await self._database.open(patience=self.config.startup_timeout)
            capabilities = await startup.check_schema(self._database)
            definitions = await startup.check_flows(self._database, self._registry)
            await self._register()
            waiting = await self._waiting(capabilities)
        except BaseException:
            await self._abandon_background()
            await self._database.close()
            self.lifecycle.move(State.STOPPED)
            raise
        self._begin(capabilities, definitions, waiting)
        self.lifecycle.move(State.RUNNING)
        log.info(
            "worker %s serves %s",
            self.name,
            ", ".join(self._worker_ids),
            extra={"pgflow": {"concurrency": self.config.max_concurrency}},
        )

    async def run(self) -> Stopped:
        """Start if need be, work until told to stop, drain. Raises what `start` raises."""
        if self.lifecycle.state is State.CREATED:
            await self.start()
        stopping = asyncio.ensure_future(self._stop_requested.wait())
        try:
            await asyncio.wait({stopping, *self._background.values()}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            result = await self._drain()
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
        if self.lifecycle.state is State.RUNNING:
            await self._drain()

    # Beginning

    async def _register(self) -> None:
        await self._database.run(queries.track_worker_function(self.name))
        self._heartbeat = Heartbeat(
            self._database,
            self._worker_ids,
            self.name,
            interval=self.config.heartbeat_interval / 1000,
            deprecated=self._deprecated,
        )
        await self._heartbeat.beat()

    async def _waiting(self, capabilities: Capabilities) -> Waiting:
        polling = Polling(
            self._attention,
            shortest=self.config.min_poll_interval / 1000,
            longest=self.config.max_poll_interval / 1000,
        )
        if self.config.signal == "polling":
            return polling
        if not capabilities.has_wakeup:
            log.warning("this database lacks pgflowc's wake-up functions: polling instead of notifications")
            return polling
        listener = Listener(self._database, self._attention)
        try:
            await listener.enable()
        except psycopg.errors.InsufficientPrivilege as error:
            log.warning("may not install the wake-up trigger (%s): polling instead", headline(error))
            return polling
        self._spawn("listener", listener.run())
        return Notified(
            self._database,
            self._attention,
            uuid4(),
            fallback=self.config.notify_fallback_interval / 1000,
            listening=lambda: listener.connected,
        )

    def _begin(
        self,
        capabilities: Capabilities,
        definitions: dict[tuple[str, str], StoredStep],
        waiting: Waiting,
    ) -> None:
        self._executor = Executor(self._registry, definitions, self._database, self._threads)
        self._definitions = definitions
        self._recorder = Recorder(self._database)
        self._spawn("heartbeat", self._heartbeat.run())
        if capabilities.has_recover:
            recover = queries.recover_stalled_tasks(self.config.stale_threshold)
        else:
            recover = queries.requeue_stalled_tasks()
        if capabilities.has_recover or capabilities.has_requeue:
            interval = self.config.recovery_interval / 1000
            self._spawn(
                "recovery", Recovery(self._database, self._attention, recover, interval=interval).run()
            )
        if not capabilities.has_start_tasks:
            log.warning("this database lacks pgflowc's own claim: using the core's")
        self._claim_loop = ClaimLoop(
            (fast_claim if capabilities.has_start_tasks else foreign_claim)(self._database),
            self._attention,
            waiting,
            self._worker_ids,
            batch_size=self.config.batch_size,
            free_slots=lambda: self.config.max_concurrency - len(self._inflight),
            start=self._start_task,
        )
        self._spawn("claims", self._claim_loop.run())

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
        if not self._attention.any_left:
            self.stop()

    # Working

    def _start_task(self, task: ClaimedTask) -> None:
        work = asyncio.create_task(self._work(task))
        self._inflight[work] = task
        work.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        del self._inflight[work]
        self._attention.poke()

    async def _work(self, task: ClaimedTask) -> None:
        began = time.monotonic()
        try:
            result = await self._executor.execute(task)
        except Exception as error:
            log.exception("the runtime failed on a task", extra={"pgflow": task_fields(task)})
            result = from_exception(error)
        self._tell(task, result, time.monotonic() - began)
        try:
            await self._recorder.record(task, result)
        except Exception:
            # Recovery will give the task another try.
            log.exception("the outcome could not be stored", extra={"pgflow": task_fields(task)})
        if isinstance(result, Failed) or self._registry[task.flow_slug].dependents[task.step_slug]:
            # Retries and continuations are there now, or soon.
            self._attention.mark(task.flow_slug)

    def _tell(self, task: ClaimedTask, result: Outcome, seconds: float) -> None:
        fields = task_fields(task, ms=round(seconds * 1000))
        match result:
            case Completed():
                log.info("completed", extra={"pgflow": fields})
            case Failed(error):
                definition = self._definitions.get((task.flow_slug, task.step_slug))
                last = definition is not None and task.attempt >= definition.max_attempts
                what = "failed, no attempts left" if last else "failed, will be tried again"
                log.log(
                    logging.ERROR if last else logging.WARNING,
                    "%s: %s",
                    what,
                    error.partition("\n")[0],
                    extra={"pgflow": fields},
                )

    # Ending

    async def _drain(self) -> Stopped:
        self.lifecycle.move(State.STOPPING)
        crashed = [task for task in self._background.values() if task.done() and not task.cancelled()]
        self._claim_loop.stop()
        if self._inflight:
            log.info("stopping: waiting for %d running tasks", len(self._inflight))
        await self._wait_for_handlers()
        given_back = await self._give_back()
        await self._abandon_background()
        await self._say_goodbye()
        await self._database.close()
        self._threads.close()
        self.lifecycle.move(State.STOPPED)
        log.info("stopped", extra={"pgflow": {"given_back": given_back}})
        for task in crashed:
            task.result()  # raises what ended the loop
        return Stopped(given_back)

    async def _wait_for_handlers(self) -> None:
        """Until the last claim is back and all is done, the drain time is over, or there is hurry."""
        hurry = asyncio.ensure_future(self._hurry.wait())
        done = asyncio.ensure_future(self._all_done())
        await asyncio.wait(
            {hurry, done}, timeout=self.config.drain_timeout, return_when=asyncio.FIRST_COMPLETED
        )
        for waiter in (hurry, done):
            waiter.cancel()

    async def _all_done(self) -> None:
        await asyncio.wait({self._background["claims"]})
        while self._inflight:
            await asyncio.wait(set(self._inflight))

    async def _give_back(self) -> int:
        claims = self._background["claims"]
        if not claims.done():
            # A claim that answers now would start tasks that nobody executes.
            claims.cancel()
            await asyncio.wait({claims}, timeout=_GOODBYE_SECONDS)
        unfinished = dict(self._inflight)
        if not unfinished:
            return 0
        for work in unfinished:
            work.cancel()
        await asyncio.wait(set(unfinished), timeout=CANCEL_GRACE_SECONDS * 2)
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                query = queries.release_tasks(list(unfinished.values()))
                released = await self._database.insist(query, what="giving tasks back")
        except (TimeoutError, psycopg.Error) as error:
            log.error("%d tasks could not be given back: %s", len(unfinished), error)
            return len(unfinished)
        if released:
            log.warning("gave %d unfinished tasks back to their queues", released)
        return released

    async def _abandon_background(self) -> None:
        for task in self._background.values():
            task.cancel()
        if self._background:
            await asyncio.wait(set(self._background.values()), timeout=_GOODBYE_SECONDS)

    async def _say_goodbye(self) -> None:
        with contextlib.suppress(TimeoutError, psycopg.Error, OSError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._database.run(queries.mark_worker_stopped(list(self._worker_ids.values())))
