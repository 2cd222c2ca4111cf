"""One connection that listens for wake-ups of all queues, and comes back when it is lost."""

from __future__ import annotations

import asyncio
import logging

import psycopg

from pgflowc_runtime.attention import Attention
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline
from pgflowc_runtime.queries import WAKEUP_CHANNEL

log = logging.getLogger("pgflowc.listener")

# A connection that died without a word is found out by asking it something now and then.
_PROBE_SECONDS = 60.0


class Listener:
    """Marks the flow that each notification names."""

    def __init__(self, conninfo: str, attention: Attention) -> None:
        self._conninfo = conninfo
        self._attention = attention
        self._connected = False
        self._backoff = Backoff(0.1, 5.0)

    @property
    def connected(self) -> bool:
        """Whether notifications arrive now."""
        return self._connected

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                if self._connected:
                    log.warning("listening connection lost: %s", headline(error))
            finally:
                self._connected = False
            # The claim loop must not sleep through the time in which nobody listens.
            self._attention.poke()
            await asyncio.sleep(self._backoff.next())

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        async with connection:
            await connection.execute(f"listen {WAKEUP_CHANNEL}")
            self._connected = True
            self._backoff.reset()
            # What was sent before is lost.
            self._attention.mark_all()
            while True:
                async for notification in connection.notifies(timeout=_PROBE_SECONDS):
                    self._attention.mark(notification.payload)
                await connection.execute("select 1")
