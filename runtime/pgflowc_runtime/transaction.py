"""Transactions of handlers, in which the completion of their step is recorded: exactly once for whatever they
write to the same database.

The block of `ctx.transaction()` ends without a commit. When the handler has returned, the worker records its
output in the same transaction and commits both. So there is no moment at which one is there and the other is
not, whenever the process dies or the connection is lost: before the commit nothing has happened and the task
is executed again, after it all is done and the task is over. The completion carries the fence of every
outcome (this worker, this attempt), so an attempt that was taken for dead writes nothing either.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from pgflowc_runtime.connection import is_transient
from pgflowc_runtime.database import Database, execute
from pgflowc_runtime.queries import Query
from pgflowc_runtime.rows import ClaimedTask
from pgflowc_runtime.threads import Threads

T = TypeVar("T")


class Open(Protocol):
    """A transaction that a handler has begun. Ended once, by one of these."""

    async def complete(self, completion: Query[T], proof: T) -> T:
        """Execute the statement; commit if it returns `proof`, else roll back. What it returned.

        Raises psycopg.Error, and nothing is committed then, unless the connection was lost at the end of the
        commit: nobody knows whether it happened.
        """

    async def roll_back(self) -> None:
        """Undo everything. If the handler is still in the block, this happens when it leaves."""


@dataclass(slots=True, eq=False)
class _Attempt:
    """An attempt that has asked for a transaction. `over`: it has ended, and may write no more. `lost`: the
    connection was, before the handler had left the block.
    """

    transaction: Open | None = None
    over: bool = False
    lost: bool = False


class Transactions:
    """The connections for them, and which attempt has one open."""

    def __init__(self, database: Database, threads: Threads, *, size: int) -> None:
        """`size`: connections at most, for async handlers and for plain ones each; made when needed."""
        options: dict[str, Any] = {"min_size": 0, "max_size": size, "open": False, "name": "pgflowc-handlers"}
        arguments = database.connection_options()
        info = database.conninfo
        self._pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            info, kwargs=arguments, reset=_forget, **options
        )
        self._pool_for_threads: ConnectionPool[Any] = ConnectionPool(
            info, kwargs=arguments, reset=_forget_in_thread, **options
        )
        self._size = size
        self._threads = threads
        self._opening = asyncio.Lock()
        self._lock = threading.Lock()
        self._attempts: dict[int, _Attempt] = {}  # by id() of the task

    def has_lost(self, task: ClaimedTask) -> bool:
        """Whether this attempt, not taken yet, got no connection or lost it in the block."""
        attempt = self._attempts.get(id(task))
        return attempt is not None and attempt.lost

    def take(self, task: ClaimedTask) -> Open | None:
        """The attempt is over: the transaction that it has begun, to be ended by the caller."""
        if not self._attempts:
            return None
        with self._lock:
            attempt = self._attempts.pop(id(task), None)
            if attempt is None:
                return None
            attempt.over = True
            return attempt.transaction

    async def close(self) -> None:
        """Close the connections; what is open is undone."""
        if not self._pool.closed:
            await self._pool.close(timeout=1)
        if not self._pool_for_threads.closed:
            self._pool_for_threads.close(timeout=1)

    @asynccontextmanager
    async def begin(self, task: ClaimedTask) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """For an async handler. RuntimeError if its attempt has begun one before; psycopg.Error."""
        attempt = self._reserve(task)
        async with self._opening:
            if self._pool.closed:
                await self._pool.open()
        with _noticing_loss(attempt):
            connection, transaction = await self._connect()
        try:
            self._began(attempt, transaction)
            yield connection
        except BaseException as error:
            # Nobody else is to end it.
            attempt.transaction = None
            attempt.lost = connection.broken and isinstance(error, Exception)  # it is not out of time
            await transaction.leave(undo=True)
            raise
        await transaction.leave(undo=attempt.over)

    @contextmanager
    def begin_in_thread(self, task: ClaimedTask) -> Iterator[psycopg.Connection[Any]]:
        """For a plain handler. RuntimeError if its attempt has begun one before; psycopg.Error."""
        attempt = self._reserve(task)
        with self._lock:
            if self._pool_for_threads.closed:
                self._pool_for_threads.open()
        with _noticing_loss(attempt):
            connection, transaction = self._connect_in_thread()
        try:
            self._began(attempt, transaction)
            yield connection
        except BaseException as error:
            attempt.transaction = None
            attempt.lost = connection.broken and isinstance(error, Exception)
            transaction.leave(undo=True)
            raise
        transaction.leave(undo=attempt.over)

    async def _connect(self) -> tuple[psycopg.AsyncConnection[Any], _InLoop]:
        # Each connection that rests in the pool may have been lost since it was used.
        for left in range(self._size, -1, -1):
            connection = await self._pool.getconn()
            transaction = _InLoop(self._pool, connection)
            try:
                await transaction.begin()
                break
            except psycopg.OperationalError as error:
                if not left or not is_transient(error):
                    raise
        return connection, transaction

    def _connect_in_thread(self) -> tuple[psycopg.Connection[Any], _InThread]:
        for left in range(self._size, -1, -1):
            connection = self._pool_for_threads.getconn()
            transaction = _InThread(self._pool_for_threads, connection, self._threads)
            try:
                transaction.begin()
                break
            except psycopg.OperationalError as error:
                if not left or not is_transient(error):
                    raise
        return connection, transaction

    def _reserve(self, task: ClaimedTask) -> _Attempt:
        with self._lock:
            if id(task) in self._attempts:
                raise RuntimeError("a handler has one transaction, and this attempt has begun it before")
            attempt = self._attempts[id(task)] = _Attempt()
            return attempt

    def _began(self, attempt: _Attempt, transaction: Open) -> None:
        with self._lock:
            if attempt.over:
                raise RuntimeError("this attempt is over: it began its transaction too late")
            attempt.transaction = transaction


@contextmanager
def _noticing_loss(attempt: _Attempt) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        attempt.lost = is_transient(error)
        raise


class _InLoop:
    def __init__(self, pool: AsyncConnectionPool[Any], connection: psycopg.AsyncConnection[Any]) -> None:
        self._pool = pool
        self._connection = connection
        # Keeps the handler from committing by itself.
        self._transaction = connection.transaction()
        self._inside = True
        self._ended = False

    async def begin(self) -> None:
        try:
            await self._transaction.__aenter__()
        except BaseException:
            await self._give_up()
            raise

    async def leave(self, *, undo: bool) -> None:
        """The handler leaves the block."""
        self._inside = False
        if undo:
            await self.roll_back()

    async def complete(self, completion: Query[T], proof: T) -> T:
        try:
            _check_open(self._connection)
            result = await execute(self._connection, completion)
            if result == proof:
                self._ended = True
                await self._transaction.__aexit__(None, None, None)
                await self._pool.putconn(self._connection)
        except BaseException:
            await self._give_up()
            raise
        await self.roll_back()
        return result

    async def roll_back(self) -> None:
        if self._ended:
            return
        if self._inside:
            # A handler that refuses to be cancelled. What it executes from now on must fail.
            await self._give_up()
            return
        self._ended = True
        try:
            undo = psycopg.Rollback()
            await self._transaction.__aexit__(type(undo), undo, None)
        except psycopg.Error:  # it is not as we left it: a nested block is still open, say
            await self._give_up()
        except BaseException:  # the handler was cancelled, say
            await self._give_up()
            raise
        else:
            await self._pool.putconn(self._connection)

    async def _give_up(self) -> None:
        """With the connection goes the transaction."""
        self._ended = True
        await self._connection.close()
        await self._pool.putconn(self._connection)


class _InThread:
    def __init__(
        self, pool: ConnectionPool[Any], connection: psycopg.Connection[Any], threads: Threads
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._threads = threads
        self._transaction = connection.transaction()
        self._lock = threading.Lock()
        self._inside = True
        self._unwanted = False

    def begin(self) -> None:
        try:
            self._transaction.__enter__()
        except BaseException:
            self._connection.close()
            self._pool.putconn(self._connection)
            raise

    def leave(self, *, undo: bool) -> None:
        """The handler leaves the block."""
        with self._lock:
            self._inside = False
            undo = undo or self._unwanted
        if undo:
            self._undo()

    async def complete(self, completion: Query[T], proof: T) -> T:
        return await _in_thread(self._threads, lambda: self._complete(completion, proof))

    async def roll_back(self) -> None:
        with self._lock:
            self._unwanted = True
            if self._inside:
                return  # a thread cannot be stopped: it will undo this when it leaves
        await _in_thread(self._threads, self._undo)

    def _complete(self, completion: Query[T], proof: T) -> T:
        factory: Any = tuple_row if completion.as_tuples else dict_row
        try:
            _check_open(self._connection)
            with psycopg.Cursor(self._connection, row_factory=factory) as cursor:
                cursor.execute(completion.sql, completion.params)
                result = completion.decode(cursor.fetchall())
            if result == proof:
                self._transaction.__exit__(None, None, None)
        except BaseException:
            self._connection.close()
            self._pool.putconn(self._connection)
            raise
        if result == proof:
            self._pool.putconn(self._connection)
        else:
            self._undo()
        return result

    def _undo(self) -> None:
        undo = psycopg.Rollback()
        try:
            self._transaction.__exit__(type(undo), undo, None)
        except psycopg.Error:
            self._connection.close()
        finally:
            self._pool.putconn(self._connection)


def _check_open(connection: psycopg.BaseConnection[Any]) -> None:
    """Without the transaction the completion would be recorded, but not together with what was written."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        raise psycopg.errors.NoActiveSqlTransaction(
            "the handler has ended the transaction of ctx.transaction() with a statement of its own"
        )


# The next handler gets the connection as if it were new. Not `discard all`, which forgets plans as well.
_FORGET = "set session authorization default; reset all; discard temp; select pg_advisory_unlock_all()"


async def _forget(connection: psycopg.AsyncConnection[Any]) -> None:
    connection.row_factory, connection.cursor_factory = tuple_row, psycopg.AsyncCursor
    await connection.execute(_FORGET)


def _forget_in_thread(connection: psycopg.Connection[Any]) -> None:
    connection.row_factory, connection.cursor_factory = tuple_row, psycopg.Cursor
    connection.execute(_FORGET)


async def _in_thread(threads: Threads, work: Callable[[], T]) -> T:
    def run() -> tuple[T | None, BaseException | None]:
        try:
            return work(), None
        except BaseException as error:
            return None, error

    result, error = await threads.submit(run)
    if error is not None:
        raise error
    return cast(T, result)
