"""What a handler learns about the task it executes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from uuid import UUID

InputT = TypeVar("InputT")


class Context(Generic[InputT]):
    """The task at hand, and a few services for its handler.

    `attempt` counts from 1; `task_index` is the element's index for a map step, else 0. `logger` adds flow,
    step, run and attempt to each record. `cancelled` is set when nobody waits for the result any more: the
    handler timed out, or the worker gives its tasks back because it must stop. An async handler is cancelled
    as well; a plain one runs in a thread, which cannot be stopped, so a long one looks at
    `cancelled.is_set()` now and then.
    """

    def __init__(
        self,
        *,
        run_id: UUID,
        flow_slug: str,
        step_slug: str,
        load_flow_input: Callable[[], Awaitable[InputT]],
        task_index: int = 0,
        attempt: int = 1,
        max_attempts: int = 1,
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger] | None = None,
        cancelled: asyncio.Event | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """`load_flow_input` is awaited at most once; `loop` is where it runs when a thread asks for it."""
        self.run_id = run_id
        self.flow_slug = flow_slug
        self.step_slug = step_slug
        self.task_index = task_index
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.logger = logger or logging.getLogger(f"pgflowc.handlers.{flow_slug}.{step_slug}")
        self.cancelled = cancelled or asyncio.Event()
        self._load_flow_input = load_flow_input
        self._loop = loop
        self._flow_input: asyncio.Future[InputT] | None = None

    async def flow_input(self) -> InputT:
        """The run's input as its type, loaded from the database on the first call.

        Raises RunNotFound if the run was deleted meanwhile, pydantic.ValidationError if it does not fit the
        type.
        """
        if self._flow_input is None:
            self._flow_input = asyncio.ensure_future(self._load_flow_input())
        return await asyncio.shield(self._flow_input)

    def flow_input_in_thread(self) -> InputT:
        """`flow_input()` for a plain handler, which runs in a thread and cannot await."""
        if self._loop is None:
            return asyncio.run(self.flow_input())
        return asyncio.run_coroutine_threadsafe(self.flow_input(), self._loop).result()
