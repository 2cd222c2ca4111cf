"""Executes claimed tasks: decode the argument, call the handler within its time, decide the outcome.

Each task gets one asyncio task and one timer, whatever kind of handler it has, and its end is told once.
What a handler may do (return, raise, run out of time, refuse to be cancelled, die with its process) ends in
the same place, `_end`, and so all of it is in this file. It is on the way of every task: nothing is made here
that is not always needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from pydantic import ValidationError

from pgflowc_runtime import outcome, queries, telemetry
from pgflowc_runtime.context import Context, SignalContext
from pgflowc_runtime.database import Database
from pgflowc_runtime.ending import Ending
from pgflowc_runtime.errors import RunNotFound
from pgflowc_runtime.handler_process import Facts
from pgflowc_runtime.logging import task_fields
from pgflowc_runtime.outcome import Completed, Failed, Outcome, Parked
from pgflowc_runtime.payload import forbidden
from pgflowc_runtime.processes import Call, Processes
from pgflowc_runtime.queries.run_ends import ended_runs
from pgflowc_runtime.registry import Binding, Handler, Registry
from pgflowc_runtime.rows import ClaimedTask, StoredStep
from pgflowc_runtime.signals import Waits, is_parking
from pgflowc_runtime.step_plan import Plan, is_async, place_of
from pgflowc_runtime.telemetry import tracing
from pgflowc_runtime.threads import Threads
from pgflowc_runtime.traces import Traces
from pgflowc_runtime.transaction import Transactions
from pgflowc_runtime.watchdog import Watchdog

log = logging.getLogger("pgflowc.worker")

# How long a cancelled async handler may take to clean up before it is left alone.
CANCEL_GRACE_SECONDS = 1.0

# How long a process may take until it is ready for a handler. Less than a worker's `stale_threshold`, or
# others would take the task for lost.
PROCESS_START_SECONDS: Final = 30.0

OUTPUT_WARNING_SIZE: Final = 1024 * 1024
OUTPUT_LIMIT_SIZE: Final = 64 * 1024 * 1024

Ended = Callable[[ClaimedTask, Outcome], None]


class Running:
    """A task whose handler is running. `cancel()` stops it as well as it can be stopped."""

    __slots__ = ("began", "call", "context", "ended", "over", "plan", "task", "timed_out", "timer", "told")

    def __init__(self, task: ClaimedTask, plan: Plan, context: Context[Any], ended: Ended) -> None:
        self.task = task
        self.plan = plan
        self.context = context
        self.ended = ended
        self.began = time.monotonic()
        self.over = False
        self.timed_out = False
        self.told = False  # telemetry knows that it began
        self.call: asyncio.Task[None]
        self.timer: asyncio.TimerHandle

    def cancel(self) -> None:
        """Stop the handler; its end is told to nobody."""
        if not self.over:
            self.over = True
            self.release("given back")
        self.timer.cancel()
        self.context.cancelled.set()
        self.call.cancel()

    def release(self, reason: str) -> None:
        """Tell telemetry that this attempt ends without an outcome."""
        if self.told and telemetry.wanted("task.released"):
            measurements = {"duration": time.monotonic() - self.began}
            telemetry.emit("task.released", measurements, {**_metadata(self), "reason": reason})


class Executor:
    """Calls handlers: async ones in the event loop, plain ones in threads, isolated ones in processes.

    `definitions` are the steps as the database defines them, by flow and step: it decides about visibility
    and retries, so its timeouts and attempts count, not those that the registry was compiled with.
    """

    def __init__(
        self,
        registry: Registry,
        definitions: dict[tuple[str, str], StoredStep],
        database: Database,
        threads: Threads,
        *,
        transactions: Transactions | None = None,
        output_warning_size: int = OUTPUT_WARNING_SIZE,
        output_limit_size: int = OUTPUT_LIMIT_SIZE,
    ) -> None:
        """Sizes are bytes of JSON."""
        self._registry = registry
        self._definitions = definitions
        self._database = database
        self._threads = threads
        self._transactions = transactions
        self._processes = Processes()
        self.waits = Waits(database)
        """What handlers wait for; tell it of notifications."""
        self._warning_size = output_warning_size
        self._limit_size = output_limit_size
        self._plans: dict[tuple[str, str], Plan | None] = {}
        self._running: dict[asyncio.Task[None], Running] = {}
        self._traces = Traces(database)
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(self._loop, self._running)
        self._draining = False
        isolated = [
            binding.handler
            for bound in registry
            for binding in bound.bindings.values()
            if place_of(binding) == "process"
        ]
        isolated += [handler for pattern in registry.patterns for handler in pattern.in_processes()]
        if isolated:
            threads.submit(lambda: self._processes.warm(isolated))

    # Begin and end

    async def execute(self, task: ClaimedTask) -> Outcome:
        """The outcome of this attempt. Cancelling stops the handler as well as it can be stopped."""
        future: asyncio.Future[Outcome] = self._loop.create_future()

        def ended(_: ClaimedTask, result: Outcome) -> None:
            if not future.done():
                future.set_result(result)

        running = self.begin(task, ended)
        if running is None:
            return outcome.unknown_step()
        try:
            return await future
        except asyncio.CancelledError:
            running.cancel()
            await asyncio.wait({running.call}, timeout=CANCEL_GRACE_SECONDS)
            raise

    def begin(self, task: ClaimedTask, ended: Ended) -> Running | None:
        """Call the handler; later, and once, `ended(task, outcome)` is called in the event loop.

        None if the step is unknown here: `ended` is not called.
        """
        plan = self._plan(task.flow_slug, task.step_slug)
        if plan is None:
            return None
        made = SignalContext if plan.binding.step.declares_signal else Context
        context: Context[Any] = made(
            run_id=task.run_id,
            flow_slug=task.flow_slug,
            step_slug=task.step_slug,
            task_index=task.task_index,
            attempt=task.attempt,
            max_attempts=plan.max_attempts,
            deadline=time.time() + plan.timeout,
            load_flow_input=functools.partial(self._flow_input, task),
            # Made at once if two threads might make it at the same time.
            cancelled=None if plan.place == "loop" else Ending(),
            loop=self._loop,
            transactions=(self._transactions, task) if self._transactions else None,
            awaiter=functools.partial(self._signal, task, plan.binding),
        )
        if self._draining:
            context.cancelled.set()
        running = Running(task, plan, context, ended)
        running.call = call = self._loop.create_task(self._serve(running))
        patience = plan.timeout + (PROCESS_START_SECONDS if plan.place == "process" else 0)
        running.timer = self._loop.call_later(patience, self._out_of_time, running)
        self._running[call] = running
        if plan.place == "loop":
            self._watchdog.watch()
        return running

    def learn(self, flow_slug: str, steps: Iterable[StoredStep]) -> None:
        """The registry has bound this flow, perhaps anew; these are its steps."""
        for key in [key for key in self._plans if key[0] == flow_slug]:
            del self._plans[key]
        self._definitions.update(((flow_slug, step.slug), step) for step in steps)

    def drain(self) -> None:
        """Tell the handlers, those that begin now as well, that the worker is stopping."""
        self._draining = True
        for running in self._running.values():
            running.context.cancelled.set()

    async def watch_runs(self, interval: float) -> None:
        """Tell handlers whose run is over meanwhile, until cancelled. Asks the database every `interval`
        seconds, and only if there is a handler that has been running for so long.
        """
        while True:
            await asyncio.sleep(interval)
            since = time.monotonic() - interval
            long = [running for running in self._running.values() if running.began < since]
            if not long:
                continue
            try:
                over = await self._database.run(ended_runs({running.task.run_id for running in long}))
            except (psycopg.Error, OSError):
                continue  # the heartbeat says so
            self.runs_over(over)

    def runs_over(self, run_ids: Iterable[UUID]) -> None:
        """Tell the handlers of these runs that nobody waits for them."""
        over = frozenset(run_ids)
        for running in self._running.values():
            if running.task.run_id in over:
                running.context.cancelled.set()

    def close(self) -> None:
        """Kill processes, stop watching. Threads and coroutines that refuse to end are left alone."""
        self._watchdog.close()
        self._processes.close()

    def _plan(self, flow_slug: str, step_slug: str) -> Plan | None:
        key = (flow_slug, step_slug)
        if key not in self._plans:
            bound = self._registry[flow_slug]
            binding = bound.bindings.get(step_slug)
            definition = self._definitions.get(key)
            if binding is None and bound.pattern is not None:
                # Defined anew a moment ago, and not looked at since: until then the flow's options must do.
                binding, definition = bound.improvised(step_slug)
            if binding is None or definition is None:
                self._plans[key] = None
            else:
                self._plans[key] = Plan.of(binding, definition)
        return self._plans[key]

    async def _flow_input(self, task: ClaimedTask) -> Any:
        text = await self._database.insist(queries.flow_input(task.run_id), what=f"input of {task}")
        if text is None:
            raise RunNotFound(f"no run {task.run_id}")
        return self._registry[task.flow_slug].input.validate_json(text)

    async def _signal(
        self,
        task: ClaimedTask,
        binding: Binding,
        wait_for: float | None,
        patience: float,
        stopping: asyncio.Event,
    ) -> Any:
        text = await self.waits.wait(task, wait_for, patience, stopping)
        try:
            return binding.read_signal(text)
        except ValidationError as error:
            raise outcome.invalid_signal(error) from None

    # One task

    async def _serve(self, running: Running) -> None:
        try:
            if telemetry.wanted("task.start"):
                about = _metadata(running)
                if tracing.traced():
                    about["trace_context"] = await self._traces.of(running.task.run_id)
                telemetry.emit("task.start", {}, about)
                running.told = True
            try:
                result, error = await self._attempt(running)
            except asyncio.CancelledError as cancelled:
                if running.timed_out:
                    result, error = self._timed_out(running), cancelled
                elif running.call.cancelling():
                    raise
                else:
                    # The handler's own: something that it awaited was cancelled.
                    result, error = outcome.from_exception(cancelled), cancelled
            self._end(running, result, error)
        finally:
            self._running.pop(running.call, None)

    async def _attempt(self, running: Running) -> tuple[Outcome, BaseException | None]:
        plan, task = running.plan, running.task
        try:
            argument = plan.argument(task.argument)
        except ValidationError as error:
            return outcome.invalid_input(error), error
        except Exception as error:  # a validator of the user's own
            return outcome.from_exception(error), error
        try:
            if plan.place == "loop":
                value = await plan.handler(argument, running.context)
            elif plan.place == "thread":
                value = await self._in_thread(plan.handler, argument, running.context)
            else:
                end = await self._in_process(running, argument)
                if isinstance(end, Failed):
                    return end, None
                value = end
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # SystemExit and KeyboardInterrupt end the task, not the worker
            return (Parked() if is_parking(error) else outcome.from_exception(error)), error
        if isinstance(value, _Raised):
            parked = is_parking(value.error)
            return (Parked() if parked else outcome.from_exception(value.error)), value.error
        if running.timed_out:
            # It caught the cancellation and came to an end in the time of grace, but that is too late.
            return self._timed_out(running), None
        try:
            result = outcome.from_result(
                plan.binding.output,
                value,
                limit=self._limit_size,
                extra=forbidden(plan.binding.flow.extra_out),
            )
        except Exception as error:
            return outcome.from_exception(error), error
        if isinstance(result, Completed) and len(result.output) > self._warning_size:
            log.warning(
                "the output is large (%s); consider to store it elsewhere and to return where it is",
                outcome.mebibytes(len(result.output)),
                extra={"pgflow": task_fields(task)},
            )
        return result, None

    async def _in_thread(self, handler: Handler, argument: Any, context: Context[Any]) -> Any:
        if is_async(handler):
            # A loop of its own, since it may block that.
            end = await self._threads.submit(lambda: _run(lambda: asyncio.run(handler(argument, context))))
        else:
            end = await self._threads.submit(lambda: _run(lambda: handler(argument, context)))
        # A plain function may hand back a coroutine: a decorator that hides an async handler does.
        return await end if inspect.isawaitable(end) else end

    async def _in_process(self, running: Running, argument: Any) -> Any:
        task, context = running.task, running.context
        call = Call(
            running.plan.handler,
            argument,
            Facts(
                run_id=task.run_id,
                flow_slug=task.flow_slug,
                step_slug=task.step_slug,
                task_index=task.task_index,
                attempt=task.attempt,
                max_attempts=context.max_attempts,
                deadline=context.deadline.timestamp() if context.deadline else time.time(),
                trace_context=tracing.carrier(),
                log_level=logging.getLogger("pgflowc.handlers").getEffectiveLevel(),
            ),
            context.flow_input_in_thread,
            lambda: self._process_is_ready(running),
        )
        telling = self._loop.create_task(_tell(context.cancelled, call))
        try:
            end = await self._threads.submit(lambda: self._processes.call(call))
        except asyncio.CancelledError:
            call.kill()
            raise
        finally:
            telling.cancel()
        return end if isinstance(end, Failed) else end.value

    def _process_is_ready(self, running: Running) -> None:
        """Called in a thread."""
        with contextlib.suppress(RuntimeError):  # the worker has stopped, and its loop is closed
            self._loop.call_soon_threadsafe(self._begin_again, running)

    def _begin_again(self, running: Running) -> None:
        """The time that its process took to start is not the handler's."""
        if not running.over and not running.timed_out:
            running.timer.cancel()
            running.timer = self._loop.call_later(running.plan.timeout, self._out_of_time, running)

    # The end

    def _out_of_time(self, running: Running) -> None:
        running.timed_out = True
        running.context.cancelled.set()
        running.call.cancel()
        running.timer = self._loop.call_later(CANCEL_GRACE_SECONDS, self._abandon, running)

    def _abandon(self, running: Running) -> None:
        if not running.over:
            self._end(running, self._timed_out(running, refused=True), None)

    def _timed_out(self, running: Running, *, refused: bool = False) -> Failed:
        abandoned = refused or running.plan.place == "thread"
        if abandoned:
            log.warning(
                "a handler that timed out is still running", extra={"pgflow": task_fields(running.task)}
            )
        return outcome.timed_out(running.plan.timeout, abandoned=abandoned)

    def _end(self, running: Running, result: Outcome, error: BaseException | None) -> None:
        if running.over:
            return
        running.over = True
        running.timer.cancel()
        match result:
            case Completed(output):
                if telemetry.wanted("task.stop"):
                    measurements = {"duration": time.monotonic() - running.began, "output_size": len(output)}
                    telemetry.emit("task.stop", measurements, _metadata(running))
            case Failed(text, permanent, retry_delay):
                if telemetry.wanted("task.exception"):
                    more = {
                        "error": text,
                        "permanent": permanent,
                        "retry_delay": retry_delay,
                        "exception": error,
                    }
                    measurements = {"duration": time.monotonic() - running.began}
                    telemetry.emit("task.exception", measurements, {**_metadata(running), **more})
            case Parked():
                running.release("parked")
        running.ended(running.task, result)


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


def _run(handler: Callable[[], Any]) -> Any:
    try:
        return handler()
    except BaseException as error:
        return _Raised(error)


async def _tell(ending: asyncio.Event, call: Call) -> None:
    await ending.wait()
    call.tell()


def _metadata(running: Running) -> dict[str, object]:
    task = running.task
    return {
        "flow_slug": task.flow_slug,
        "step_slug": task.step_slug,
        "run_id": task.run_id,
        "task_index": task.task_index,
        "attempt": task.attempt,
        "max_attempts": running.plan.max_attempts,
        "worker_id": task.worker_id,
        "message_id": task.message_id,
    }
