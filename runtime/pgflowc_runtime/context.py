"""What a handler learns about the task it executes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from pgflowc_runtime.logging import handler_logger

if TYPE_CHECKING:
    import psycopg

    from pgflowc_runtime.rows import ClaimedTask
    from pgflowc_runtime.transaction import Transactions

InputT = TypeVar("InputT")

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Context(Generic[InputT]):
    """The task at hand, and a few services for its handler.

    `attempt` counts from 1; `task_index` is the element's index for a map step, else 0. `deadline` is when
    the handler's time is over, a datetime in UTC; None if there is no limit (in a test of a handler, say).
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
        deadline: datetime | float | None = None,
        logger: Logger | None = None,
        cancelled: asyncio.Event | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        transactions: tuple[Transactions, ClaimedTask] | None = None,
    ) -> None:
        """`load_flow_input` is awaited at most once, in `loop` if one is given; `deadline` may be a
        `time.time()`.
        """
        self.run_id = run_id
        self.flow_slug = flow_slug
        self.step_slug = step_slug
        self.task_index = task_index
        self.attempt = attempt
        self.max_attempts = max_attempts
        self._deadline = deadline
        self._logger = logger
        self._cancelled = cancelled
        self._load_flow_input = load_flow_input
        self._loop = loop
        self._transactions = transactions
        self._flow_input: asyncio.Future[InputT] | None = None

    # What few handlers ask for is made when they do: a worker makes thousands of contexts in a second.

    @property
    def deadline(self) -> datetime | None:
        """When the handler's time is over."""
        if isinstance(self._deadline, float | int):
            self._deadline = datetime.fromtimestamp(self._deadline, UTC)
        return self._deadline

    @property
    def logger(self) -> Logger:
        """Adds flow, step, run, index and attempt to each record."""
        if self._logger is None:
            self._logger = handler_logger(self)
        return self._logger

    @property
    def cancelled(self) -> asyncio.Event:
        """Set when it is time to come to an end: the handler has run out of time, its run is over (cancelled,
        or failed by another step), or the worker is stopping.

        An async handler that has run out of time is cancelled as well. One in a thread cannot be stopped, so
        a long one looks at `ctx.cancelled.is_set()` now and then. One in a process is killed and learns
        nothing before.
        """
        if self._cancelled is None:
            self._cancelled = asyncio.Event()
        return self._cancelled

    async def flow_input(self) -> InputT:
        """The run's input as its type, loaded from the database on the first call.

        Raises RunNotFound if the run was deleted meanwhile, pydantic.ValidationError if it does not fit the
        type.
        """
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            # The handler has a loop of its own, in a thread.
            return await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(self._shared_flow_input(), self._loop)
            )
        return await self._shared_flow_input()

    async def _shared_flow_input(self) -> InputT:
        if self._flow_input is None:
            self._flow_input = asyncio.ensure_future(self._load_flow_input())
        return await asyncio.shield(self._flow_input)

    def flow_input_in_thread(self) -> InputT:
        """`flow_input()` for a plain handler, which runs in a thread or process and cannot await."""
        if self._loop is None:
            return asyncio.run(self._shared_flow_input())
        return asyncio.run_coroutine_threadsafe(self._shared_flow_input(), self._loop).result()

    def transaction(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        """A psycopg connection in a transaction that commits together with the step's completion.

            async with ctx.transaction() as conn:
                await conn.execute("insert into payments ...")
            return Receipt(...)

        What is written in the block stays uncommitted until the handler has returned and its output is
        recorded in the same transaction: both happen, or neither. An exception that leaves the block undoes
        what was written. Once in an attempt; not in a process of its own. docs/worker.md has the details.
        """
        transactions, task = self._worker_transactions()
        return transactions.begin(task)

    def transaction_in_thread(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """`transaction()` for a plain handler: `with ctx.transaction_in_thread() as conn`."""
        transactions, task = self._worker_transactions()
        return transactions.begin_in_thread(task)

    def _worker_transactions(self) -> tuple[Transactions, ClaimedTask]:
        if self._transactions is None:
            raise RuntimeError("only a handler that runs in the worker's own process has a transaction")
        return self._transactions
