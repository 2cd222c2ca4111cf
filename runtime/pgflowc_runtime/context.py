"""What a handler learns about the task it executes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast
from uuid import UUID

from pgflowc_runtime.ending import Ending
from pgflowc_runtime.logging import handler_logger

if TYPE_CHECKING:
    import psycopg

    from pgflowc_runtime.rows import ClaimedTask
    from pgflowc_runtime.signals import Span
    from pgflowc_runtime.transaction import Transactions

InputT = TypeVar("InputT")
SignalT = TypeVar("SignalT")

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Awaiter(Protocol):
    """Waits for the task's signal, in the worker's event loop; the decoded payload."""

    def __call__(
        self, wait_for: float | None, patience: float, stopping: asyncio.Event
    ) -> Coroutine[Any, Any, Any]:
        """Begin to wait."""


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
        awaiter: Awaiter | None = None,
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
        self._awaiter = awaiter
        self._has_awaited = False
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
        a long one looks at `ctx.cancelled.is_set()` now and then. One in a process is killed then, and is
        told of the others like any.
        """
        if self._cancelled is None:
            self._cancelled = Ending()
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

    async def await_signal(self, *, wait_for: Span | None = None, wait_timeout: Span = 5.0) -> Any:
        """The payload of the signal that this task is sent, `client.signal(run_id, step, payload)`.

        One that came before is there at once, the latest if there were several. Else the handler waits in its
        place for `wait_timeout`; after that it is left, its task waits in the database without a worker and
        without spending an attempt, and when the signal comes the handler is called again from its beginning.
        Raises SignalTimeout when none has come `wait_for` after the first wait of the task; None is what the
        step declares, else for ever. Spans are seconds, timedeltas or texts such as `90s`, `5m`, `24h`, `2d`.

        A task has one signal: it stays with the task, so another attempt gets it again, and a second call in
        one attempt is a RuntimeError. Not in a process of its own. docs/signals.md has the details.
        """
        from pgflowc_runtime.signals import patience_of, seconds_of  # only handlers that wait need it

        if self._awaiter is None:
            raise RuntimeError(
                "only a handler that runs in the worker's own process can wait for a signal: "
                "take away its isolation, or let a step before it wait"
            )
        if self._has_awaited:
            raise RuntimeError("a task has one signal, and this attempt has waited for it: make it two steps")
        waits = seconds_of(wait_for, "wait_for")
        left = None if self._deadline is None else self._time_left()
        patience = patience_of(wait_timeout, left)
        self._has_awaited = True
        waiting = self._awaiter(waits, patience, self.cancelled)
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(waiting, self._loop))
        return await waiting

    def await_signal_in_thread(self, *, wait_for: Span | None = None, wait_timeout: Span = 5.0) -> Any:
        """`await_signal()` for a plain handler, which runs in a thread and cannot await."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.await_signal(wait_for=wait_for, wait_timeout=wait_timeout))
        raise RuntimeError("an async handler says `await ctx.await_signal()`")

    def _time_left(self) -> float:
        deadline = self.deadline
        assert deadline is not None
        return (deadline - datetime.now(UTC)).total_seconds()


class SignalContext(Context[InputT], Generic[InputT, SignalT]):
    """The context of a step that declares its signal: `await_signal` gives the payload as that type."""

    async def await_signal(self, *, wait_for: Span | None = None, wait_timeout: Span = 5.0) -> SignalT:
        """As that of Context; `wait_for` is what the spec says unless it is given."""
        return cast("SignalT", await super().await_signal(wait_for=wait_for, wait_timeout=wait_timeout))

    def await_signal_in_thread(self, *, wait_for: Span | None = None, wait_timeout: Span = 5.0) -> SignalT:
        """`await_signal()` for a plain handler, which runs in a thread and cannot await."""
        found = super().await_signal_in_thread(wait_for=wait_for, wait_timeout=wait_timeout)
        return cast("SignalT", found)
