"""The worker's way to the database: a small pool that executes `Query` values, each in a transaction of its
own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import AsyncConnectionPool

from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import conninfo, headline, is_hopeless, is_transient, unavailable
from pgflowc_runtime.pooler import is_pooled
from pgflowc_runtime.queries import Query

T = TypeVar("T")
log = logging.getLogger("pgflowc.database")

AsyncConnection = psycopg.AsyncConnection[psycopg.rows.DictRow]


class Database:
    """A pool of autocommit connections to one database."""

    def __init__(self, dsn: str, *, application_name: str, size: int) -> None:
        """Connects only in `open`. Raises ConfigurationError if `dsn` is malformed."""
        self.dsn = dsn
        self.conninfo = conninfo(dsn, application_name)
        self.behind_pooler = False
        self._size = size
        self._rehearsal: Sequence[Query[Any]] = ()
        self._pool: AsyncConnectionPool[AsyncConnection]

    async def open(self, *, patience: float) -> None:
        """Connect; while the server is away try again for `patience` seconds, then raise DatabaseUnavailable.

        A refusal that waiting cannot change (password, unknown database) is raised at once.
        """
        deadline = asyncio.get_running_loop().time() + patience
        backoff = Backoff(0.1, 3.0)
        told = False
        while True:
            try:
                self.behind_pooler = await self._find_pooler()
                break
            except (psycopg.OperationalError, OSError) as error:
                delay = backoff.next()
                hopeless = isinstance(error, psycopg.Error) and is_hopeless(error)
                if hopeless or asyncio.get_running_loop().time() + delay >= deadline:
                    raise unavailable(self.dsn, error) from None
                if not told:
                    log.warning("%s; trying again for up to %.3g s", unavailable(self.dsn, error), patience)
                    told = True
                await asyncio.sleep(delay)
        self._pool = AsyncConnectionPool(
            self.conninfo,
            connection_class=psycopg.AsyncConnection[psycopg.rows.DictRow],
            kwargs={**self.connection_options(), "row_factory": dict_row},
            configure=None if self.behind_pooler else self._configure,
            min_size=1,
            max_size=self._size,
            open=False,
            name="pgflowc",
            # The pool tries less and less often, gives up after its time and starts anew on the next
            # request. Ours come all the time, and so the database is found soon after it is back.
            timeout=5,
            reconnect_timeout=3,
        )
        await self._pool.open()

    async def _configure(self, connection: AsyncConnection) -> None:
        # A limit that the role or database has is meant for others: an outcome too large for it would be sent
        # again for ever.
        # Somebody may hold a lock for hours, and what waits for it would keep a connection from all else. It
        # is longer than `deadlock_timeout`, so that a deadlock is called by its name.
        await connection.execute("set statement_timeout = 0; set lock_timeout = '2s'")
        await self._rehearse(connection)

    async def rehearse(self, queries: Sequence[Query[Any]]) -> None:
        """Execute these in each connection before its first use: the server plans a function's statements
        when a session first executes them, and outcomes would wait for that. They change nothing.
        """
        if self.behind_pooler:
            return
        self._rehearsal = queries
        async with self.connection() as connection:
            await self._rehearse(connection)

    async def _rehearse(self, connection: AsyncConnection) -> None:
        for query in self._rehearsal:
            # Not with `execute`: a standby is found out when there is something to write.
            async with psycopg.AsyncCursor(connection) as cursor:
                with contextlib.suppress(psycopg.DatabaseError):
                    await cursor.execute(query.sql, query.params)

    async def _find_pooler(self) -> bool:
        """Whether the other end is not the server itself."""
        connection = await psycopg.AsyncConnection.connect(
            self.conninfo, autocommit=True, prepare_threshold=None
        )
        async with connection:
            return await is_pooled(connection)

    def connection_options(self) -> dict[str, Any]:
        """How to connect: without prepared statements if a pooler may give the session to others."""
        options: dict[str, Any] = {"autocommit": True}
        return {**options, "prepare_threshold": None} if self.behind_pooler else options

    async def close(self) -> None:
        """Close every connection."""
        if hasattr(self, "_pool"):
            await self._pool.close(timeout=2)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection of the pool. Raises psycopg.OperationalError if none can be had in time."""
        lost = False
        try:
            async with self._pool.connection() as connection:
                try:
                    yield connection
                finally:
                    lost = connection.closed
        finally:
            if lost:
                # What broke this one has broken others, perhaps. Each would cost a failure and a pause.
                await self._pool.check()

    async def run(self, query: Query[T]) -> T:
        """Execute once; raises psycopg.Error."""
        async with self.connection() as connection:
            return await execute(connection, query)

    async def insist(self, query: Query[T], *, what: str) -> T:
        """Execute; after a lost connection or the like try again, until it is done or this task is cancelled.

        The statement may have been executed by an attempt whose answer was lost: it must bear that. Errors
        that would come again are raised.
        """
        return await self.insist_on(lambda: self.run(query), what=what)

    async def insist_on(self, act: Callable[[], Awaitable[T]], *, what: str) -> T:
        """`insist` for what takes more than one statement."""
        backoff = Backoff(0.05, 2.0)
        told = False
        while True:
            try:
                result = await act()
            except (psycopg.Error, OSError) as error:
                if not is_transient(error):
                    raise
                if not told:
                    log.warning("%s waits for the database: %s", what, headline(error))
                    told = True
            else:
                if told:
                    log.info("%s: recorded after all", what)
                return result
            await asyncio.sleep(backoff.next())


async def execute(connection: psycopg.AsyncConnection[Any], query: Query[T]) -> T:
    """Execute on this connection, in the transaction that it has; raises psycopg.Error. A connection that
    leads to a standby is closed: another one may lead to the server that has taken over.
    """
    factory: Any = tuple_row if query.as_tuples else dict_row
    try:
        async with psycopg.AsyncCursor(connection, row_factory=factory) as cursor:
            await cursor.execute(query.sql, query.params, binary=query.as_tuples)
            return query.decode(await cursor.fetchall())
    except psycopg.errors.ReadOnlySqlTransaction:
        await connection.close()
        raise
