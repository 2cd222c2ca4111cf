"""The one connection of a worker that stays: notifications of all kinds arrive here, and it holds what the
server gives to a session, as the lock of the leading scheduler.

psycopg reads a connection while a statement or a generator waits for it. This one is read by the event loop
itself: a notification is heard in the turn in which it arrives, and statements may come in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from pgflowc_runtime import queries
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import execute
from pgflowc_runtime.queries import Query

log = logging.getLogger("pgflowc.listener")
T = TypeVar("T")

# A connection that died without a word is found out by TCP's keepalives; behind a proxy that answers those,
# by asking it something now and then. Until then the fallback finds what nobody tells.
_PROBE_SECONDS = 300.0


class Session:
    """Listens to channels, and comes back when it is lost.

    Everything here runs in the worker's event loop; nothing is thread-safe.
    """

    def __init__(self, conninfo: str) -> None:
        """Connects in `run`."""
        self._conninfo = conninfo
        self._heard: dict[str, Callable[[psycopg.Notify], None]] = {}
        self._changed: list[Callable[[], None]] = []
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._asking = asyncio.Lock()
        self._lost = asyncio.Event()
        self._why = psycopg.OperationalError("the listening connection is away")
        self._watched: int | None = None  # its socket, while the event loop reads it
        self._backoff = Backoff(0.1, 5.0)
        self._life = 0

    def listen(self, channel: str, heard: Callable[[psycopg.Notify], None]) -> None:
        """Call `heard` with each notification of this channel. Said before `run`."""
        self._heard[channel] = heard

    def on_change(self, call: Callable[[], None]) -> None:
        """Call this when it has connected, and when it is lost: what was sent in between is lost, too."""
        self._changed.append(call)

    @property
    def connected(self) -> bool:
        """Whether notifications arrive now."""
        return self._connection is not None

    @property
    def life(self) -> int:
        """Another number for each connection: what one held goes with it."""
        return self._life

    async def ask(self, query: Query[T]) -> T:
        """Execute a statement in this session; raises psycopg.Error, OperationalError while there is none."""
        async with self._asking:
            connection = self._connection
            if connection is None:
                raise psycopg.OperationalError("the listening connection is away")
            self._look_away()
            try:
                return await execute(connection, query)
            finally:
                self._watch(connection)

    async def run(self) -> None:
        """Keep a connection until cancelled."""
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
                async with connection:
                    await self._attend(connection)
            except (psycopg.Error, OSError) as error:
                if self.connected:
                    log.warning("listening connection lost: %s", headline(error))
            finally:
                self._connection = None
            self._tell()
            await asyncio.sleep(self._backoff.next())

    async def _attend(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Raises psycopg.Error when the connection is lost."""
        connection.add_notify_handler(self._pass_on)
        for channel in self._heard:
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
        self._lost.clear()
        self._connection = connection
        self._life += 1
        self._backoff.reset()
        self._tell()
        self._watch(connection)
        try:
            while not self._lost.is_set():
                try:
                    async with asyncio.timeout(_PROBE_SECONDS):
                        await self._lost.wait()
                except TimeoutError:
                    await self.ask(queries.still_there())
        finally:
            self._look_away()
        raise self._why

    # Reading

    def _watch(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if not connection.closed:
            self._watched = connection.fileno()
            asyncio.get_running_loop().add_reader(self._watched, self._read, connection)
        # What TLS has decrypted already does not show at the socket.
        self._read(connection)

    def _look_away(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None

    def _read(self, connection: psycopg.AsyncConnection[Any]) -> None:
        server = connection.pgconn
        try:
            server.consume_input()
            while (notification := server.notifies()) is not None:
                if server.notify_handler is not None:
                    server.notify_handler(notification)  # psycopg's: it decodes, then calls ours
        except psycopg.OperationalError as error:
            self._look_away()
            self._why = error
            self._lost.set()

    def _pass_on(self, notification: psycopg.Notify) -> None:
        self._heard[notification.channel](notification)

    def _tell(self) -> None:
        for call in self._changed:
            call()
