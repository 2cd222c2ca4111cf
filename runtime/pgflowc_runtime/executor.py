"""Executes one claimed task: decode the argument, call the handler within its time, decide the outcome."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pgflowc_runtime import outcome, queries
from pgflowc_runtime.context import Context
from pgflowc_runtime.database import Database
from pgflowc_runtime.errors import RunNotFound
from pgflowc_runtime.logging import handler_logger, task_fields
from pgflowc_runtime.outcome import Outcome
from pgflowc_runtime.registry import Handler, Registry
from pgflowc_runtime.rows import ClaimedTask, StoredStep
from pgflowc_runtime.threads import Threads

log = logging.getLogger("pgflowc.worker")

# How long a cancelled async handler may take to clean up before it is left alone.
CANCEL_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Returned:
    value: Any


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


_End = _Returned | _Raised


class Executor:
    """Calls handlers: async ones in the event loop, plain ones in threads.

    `definitions` are the steps as the database defines them, by flow and step: it decides about visibility
    and retries, so its timeouts and attempts count, not those that the registry was compiled with.
    """

    def __init__(
        self,
        registry: Registry,
        definitions: dict[tuple[str, str], StoredStep],
        database: Database,
        threads: Threads,
    ) -> None:
        self._registry = registry
        self._definitions = definitions
        self._database = database
        self._threads = threads

    async def execute(self, task: ClaimedTask) -> Outcome:
        """The outcome of this attempt. Cancelling stops the handler as well as it can be stopped."""
        binding = self._registry[task.flow_slug].bindings.get(task.step_slug)
        if binding is None:
            return outcome.unknown_step()
        definition = self._definitions[task.flow_slug, task.step_slug]
        try:
            argument = binding.argument.validate_json(task.argument)
        except ValidationError as error:
            return outcome.invalid_input(error)
        context = self._context(task, definition)
        call = self._call(binding.handler, argument, context)
        end = await _within(definition.timeout, call, context)
        if end is None:
            # A thread cannot be stopped, and an async handler may refuse to be.
            abandoned = not is_async(binding.handler) or not call.done()
            if abandoned:
                log.warning("a handler that timed out is still running", extra={"pgflow": task_fields(task)})
            return outcome.timed_out(definition.timeout, abandoned=abandoned)
        match end:
            case _Returned(value):
                return outcome.from_result(binding.output, value)
            case _Raised(raised):
                return outcome.from_exception(raised)

    def _context(self, task: ClaimedTask, definition: StoredStep) -> Context[Any]:
        return Context(
            run_id=task.run_id,
            flow_slug=task.flow_slug,
            step_slug=task.step_slug,
            task_index=task.task_index,
            attempt=task.attempt,
            max_attempts=definition.max_attempts,
            load_flow_input=functools.partial(self._flow_input, task),
            logger=handler_logger(task),
            loop=asyncio.get_running_loop(),
        )

    async def _flow_input(self, task: ClaimedTask) -> Any:
        text = await self._database.insist(queries.flow_input(task.run_id), what=f"input of {task}")
        if text is None:
            raise RunNotFound(f"no run {task.run_id}")
        return self._registry[task.flow_slug].input.validate_json(text)

    def _call(self, handler: Handler, argument: Any, context: Context[Any]) -> asyncio.Future[_End]:
        if is_async(handler):
            return asyncio.ensure_future(_await(functools.partial(handler, argument, context)))
        return asyncio.ensure_future(self._in_thread(functools.partial(handler, argument, context)))

    async def _in_thread(self, handler: Callable[[], Any]) -> _End:
        end: _End = await self._threads.submit(functools.partial(_run, handler))
        # A plain function may hand back a coroutine: a decorator that hides an async handler does.
        if isinstance(end, _Returned) and inspect.isawaitable(end.value):
            awaitable = end.value
            return await _await(lambda: awaitable)
        return end


def is_async(handler: Handler) -> bool:
    """Whether calling the handler gives a coroutine; looks through partials and callable objects."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


async def _within(seconds: float, call: asyncio.Future[_End], context: Context[Any]) -> _End | None:
    """How the call ended, or None if it did not in time; then it has been cancelled or abandoned."""
    try:
        await asyncio.wait({call}, timeout=seconds)
    except asyncio.CancelledError:
        context.cancelled.set()
        await _stop(call)
        raise
    if call.done():
        return call.result()
    context.cancelled.set()
    await _stop(call)
    return None


async def _stop(call: asyncio.Future[_End]) -> None:
    call.cancel()
    await asyncio.wait({call}, timeout=CANCEL_GRACE_SECONDS)


def _run(handler: Callable[[], Any]) -> _End:
    try:
        return _Returned(handler())
    except BaseException as error:  # SystemExit and KeyboardInterrupt end the task, not the worker
        return _Raised(error)


async def _await(handler: Callable[[], Awaitable[Any]]) -> _End:
    try:
        return _Returned(await handler())
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        # The handler's own: something that it awaited was cancelled.
        return _Raised(error)
    except BaseException as error:
        return _Raised(error)
