"""How an idle worker waits for work: told by notifications, or by looking again and again.

Notifications work like a futex, since each costs the sender a lock at commit: an idle worker announces that
it waits, looks once more, then sleeps; inserts notify only while somebody's announcement is valid. An insert
that committed between the announcement and the look is seen by the look; one still in flight is seen as a
writer, so the worker looks again shortly; any other one sees the announcement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from pgflowc_runtime import queries
from pgflowc_runtime.attention import Attention
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.database import Database

# An announcement outlives the sleep it covers, or the last moments of each sleep would be deaf.
_ANNOUNCEMENT_MARGIN_SECONDS = 5.0
# After this many claims in a row the worker is not waiting but working, and says so.
_CLAIMS_UNTIL_BUSY = 3
# While the listening connection is away, this is the longest sleep.
_DEAF_SLEEP_SECONDS = 1.0


class Waiting(Protocol):
    """A way to wait."""

    async def rest(self) -> None:
        """Wait until there may be work; marks the flows to look at."""

    def found(self) -> None:
        """A claim found work."""

    async def working(self) -> None:
        """The worker is not resting now."""

    async def end(self) -> None:
        """The worker claims no more."""


class Notified:
    """Sleeps until a notification, the next due message or the fallback interval."""

    def __init__(
        self,
        database: Database,
        attention: Attention,
        worker_id: UUID,
        *,
        fallback: float,
        listening: Callable[[], bool],
    ) -> None:
        """`fallback` in seconds; `listening` tells whether notifications can arrive now."""
        self._database = database
        self._attention = attention
        self._worker_id = worker_id
        self._fallback = fallback
        self._listening = listening
        self._announced = False
        self._claims = 0
        self._in_vain = False
        self._again = Backoff(0.005, 0.1)

    async def rest(self) -> None:
        self._claims = 0
        ttl = self._fallback + _ANNOUNCEMENT_MARGIN_SECONDS
        look = await self._database.run(
            queries.announce_wait(self._attention.flows, self._worker_id, int(ttl * 1000))
        )
        self._announced = True
        if look.next_due == 0:
            if self._in_vain:
                # Visible, and yet no claim got it: another worker's claim that has not committed, most
                # likely.
                await self._attention.wait(self._again.next())
            self._in_vain = True
            self._attention.mark_all()
            return
        self._in_vain = False
        # Unless it is a message's due time that ends the sleep, the next announcement looks first.
        delay, due = self._fallback, False
        if look.next_due is not None and look.next_due < delay:
            # Rounded to milliseconds, perhaps down.
            delay, due = look.next_due + 0.001, True
        if not self._listening() and delay > _DEAF_SLEEP_SECONDS:
            delay, due = _DEAF_SLEEP_SECONDS, False
        if not look.writers_in_flight:
            self._again.reset()
        elif (soon := self._again.next()) < delay:
            delay, due = soon, False
        if not await self._attention.wait(delay) and due:
            self._attention.mark_all()

    def found(self) -> None:
        self._in_vain = False
        self._claims += 1

    async def working(self) -> None:
        if self._announced and self._claims >= _CLAIMS_UNTIL_BUSY:
            await self.end()

    async def end(self) -> None:
        if self._announced:
            self._announced = False
            await self._database.run(queries.withdraw_wait(self._worker_id))


class Polling:
    """Looks at every flow after a while, less and less often while there is nothing, and when the next
    message is due, where that can be asked: one question for all queues then takes the place of the looks.
    """

    def __init__(
        self, attention: Attention, *, shortest: float, longest: float, database: Database | None = None
    ) -> None:
        """Both in seconds; `database` has `pgflowc.next_due`, or is None."""
        self._attention = attention
        self._database = database
        self._in_vain = False
        self._again = Backoff(0.005, 0.1)
        self._backoff = Backoff(shortest, longest)
        self._next_poll = 0.0

    async def rest(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._next_poll <= now:
            self._next_poll = now + self._backoff.next()
        # Completions interrupt the wait but must not put off the poll.
        delay, due = self._next_poll - now, self._database is None
        if self._database is not None:
            next_due = await self._database.run(queries.next_due(self._attention.flows))
            if next_due == 0:
                if self._in_vain:
                    await self._attention.wait(self._again.next())  # as Notified
                self._in_vain = True
                self._attention.mark_all()
                return
            self._in_vain = False
            self._again.reset()
            if next_due is not None and next_due < delay:
                delay, due = next_due + 0.001, True
        if not await self._attention.wait(delay):
            self._next_poll = 0.0
            if due:
                self._attention.mark_all()

    def found(self) -> None:
        self._in_vain = False
        self._backoff.reset()
        self._next_poll = 0.0

    async def working(self) -> None:
        pass

    async def end(self) -> None:
        pass
