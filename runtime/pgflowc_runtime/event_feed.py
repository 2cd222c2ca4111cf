"""News of runs for those in this process who wait: one listening connection, shared by all of them.

What is notified is only a reason to look: the rows are the truth, so a lost notification delays and never
misleads. The feed counts as live once a notification of its own has come back. Whoever waits looks now and
then anyway: seldom while the feed is live, often while it is not.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from types import TracebackType
from uuid import UUID, uuid4

import psycopg

from pgflowc_runtime import queries
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.call import Refused
from pgflowc_runtime.connection import headline
from pgflowc_runtime.pooler import is_pooled
from pgflowc_runtime.queries import EVENTS_CHANNEL, Query
from pgflowc_runtime.rows import ClientFeatures

log = logging.getLogger("pgflowc.client")

# Interest is renewed when half of this is over; that of a process that died ends by itself.
_INTEREST_SECONDS = 60.0
# A listener that nobody uses gives its connection back.
_LINGER_SECONDS = 20.0
_TOPIC = "pgflow:run:"


class Subscription:
    """The interest of one waiter in some runs; use `async with`."""

    def __init__(self, feed: EventFeed, run_ids: Iterable[UUID]) -> None:
        self.id = uuid4()
        self.run_ids = set(run_ids)
        self._feed = feed
        self._changed: set[UUID] = set()
        self._news = asyncio.Event()

    @property
    def live(self) -> bool:
        """Whether notifications arrive now."""
        return self._feed.live

    def mark(self, run_ids: Iterable[UUID]) -> None:
        """These runs may have changed."""
        self._changed |= self.run_ids.intersection(run_ids)
        self._news.set()

    async def wait(self, seconds: float) -> set[UUID]:
        """The runs that may have changed, as soon as there is one; all of them after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()
        changed, self._changed = self._changed, set()
        return changed or set(self.run_ids)

    async def add(self, run_id: UUID) -> None:
        """Take interest in one more run."""
        self.run_ids.add(run_id)
        await self._feed.register(self)
        self.mark([run_id])

    async def __aenter__(self) -> Subscription:
        await self._feed.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._feed.remove(self)


class EventFeed:
    """Listens while anybody is subscribed. `live`: whether notifications arrive now."""

    def __init__(
        self,
        conninfo: str,
        execute: Callable[[Query[None]], Awaitable[None]],
        features: Callable[[], Awaitable[ClientFeatures]],
    ) -> None:
        """`execute` runs a statement on another connection than that which listens; it raises Refused."""
        self._conninfo = conninfo
        self._execute = execute
        self._features = features
        self._subscriptions: dict[UUID, Subscription] = {}
        self._task: asyncio.Task[None] | None = None
        self._usable = True
        self.live = False

    async def add(self, subscription: Subscription) -> None:
        """Begin to tell this subscription what happens."""
        self._subscriptions[subscription.id] = subscription
        try:
            await self.register(subscription)
        except BaseException:
            # Cancelled: the interest may be in the database by now, and who is gone takes none back.
            await self.remove(subscription)
            raise
        if self._usable and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="pgflowc-events")

    async def remove(self, subscription: Subscription) -> None:
        """Tell it no more."""
        self._subscriptions.pop(subscription.id, None)
        if self._usable:
            await self._take_back(subscription)

    async def register(self, *subscriptions: Subscription) -> None:
        """Tell the database of the interest, or renew it. Where that cannot be, polling has to do."""
        interest = [(one.id, run_id) for one in subscriptions for run_id in one.run_ids]
        if not self._usable or not interest:
            return
        try:
            self._usable = (await self._features()).sends_notifications
            if self._usable:
                try:
                    await self._execute(queries.watch_events(interest, _INTEREST_SECONDS))
                finally:
                    for one in subscriptions:
                        if one.id not in self._subscriptions:  # meanwhile, and this may have come after that
                            await self._take_back(one)
        except Refused as refused:
            if not refused.transient:
                log.info("polling instead of notifications: %s", refused.message)
                self._usable = False

    async def _take_back(self, subscription: Subscription) -> None:
        # What this cannot end ends by itself.
        with suppress(Refused):
            await self._execute(queries.unwatch_events(subscription.id))

    def hear(self, topic: str) -> bool:
        """An event of this topic has come some other way; whether it is one of a run."""
        run_id = _run_of_topic(topic)
        if run_id is not None:
            self._mark(run_id)
        return run_id is not None

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        backoff = Backoff(0.1, 5.0)
        while self._subscriptions and self._usable:
            try:
                await self._listen(backoff)
            except (psycopg.Error, OSError) as error:
                if self.live:
                    log.warning("listening connection lost: %s", headline(error))
            except Refused as refused:
                log.debug("cannot listen for events: %s", refused.message)
            finally:
                lost, self.live = self.live, False
            if lost:
                # The others must not sleep through the time in which nobody listens.
                self._mark_all()
            if self._subscriptions and self._usable:
                await asyncio.sleep(backoff.next())

    async def _listen(self, backoff: Backoff) -> None:
        loop = asyncio.get_running_loop()
        probe = str(uuid4())
        async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
            if await is_pooled(connection):
                log.info("polling instead of notifications: a pooler is between this client and the server")
                self._usable = False
                return
            await connection.execute(f"listen {EVENTS_CHANNEL}")
            await self.register(*self._subscriptions.values())
            await self._execute(queries.probe(probe))
            renewed = used = loop.time()
            while loop.time() - used < _LINGER_SECONDS:
                # Left early, the generator would keep the connection to itself until it is closed.
                async with aclosing(connection.notifies(timeout=_LINGER_SECONDS / 2)) as notifications:
                    async for notification in notifications:
                        if notification.payload == probe:
                            self.live = True
                            backoff.reset()
                            # What was sent before is lost.
                            self._mark_all()
                        elif (run_id := _run_of(notification.payload)) is not None:
                            self._mark(run_id)
                        if loop.time() - renewed > _INTEREST_SECONDS / 2:
                            break
                if self._subscriptions:
                    used = loop.time()
                if loop.time() - renewed > _INTEREST_SECONDS / 3:
                    await self.register(*self._subscriptions.values())
                    # A connection that died without a word is found out by asking it something.
                    await connection.execute("select 1")
                    renewed = loop.time()

    def _mark(self, run_id: UUID) -> None:
        for subscription in self._subscriptions.values():
            if run_id in subscription.run_ids:
                subscription.mark([run_id])

    def _mark_all(self) -> None:
        for subscription in self._subscriptions.values():
            subscription.mark(subscription.run_ids)


def _run_of(payload: str) -> UUID | None:
    """The run that a notification tells of; None if it is somebody else's."""
    try:
        return _run_of_topic(json.loads(payload)["topic"])
    except (ValueError, KeyError, TypeError):
        return None


def _run_of_topic(topic: object) -> UUID | None:
    # Supabase's clients put a prefix of their own before the topic.
    _, prefix, run_id = str(topic).rpartition(_TOPIC)
    try:
        return UUID(run_id) if prefix else None
    except ValueError:
        return None
