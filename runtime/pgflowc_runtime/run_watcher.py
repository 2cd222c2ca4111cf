"""Follows runs as they go on.

    async with client.watch(run_id) as watcher:
        async for event in watcher:
            print(event.name, event.step_slug, event.run.status)

Notifications say when to look, and what is found is compared with what was known: so nothing is missed while
a connection is lost, and the same goes for databases that cannot notify, only slower.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType, TracebackType
from uuid import UUID

from pgflowc_runtime import run_faults
from pgflowc_runtime.background import BackgroundLoop
from pgflowc_runtime.call import Call
from pgflowc_runtime.calls import looking
from pgflowc_runtime.errors import ConfigurationError, DatabaseUnavailable, InvalidTime
from pgflowc_runtime.event_feed import EventFeed, Subscription
from pgflowc_runtime.polling import pauses
from pgflowc_runtime.rows import RunStatus, RunWithStates
from pgflowc_runtime.run_changes import RunEvent, changes
from pgflowc_runtime.run_ids import RunId, parse_run_id

Read = Callable[[Call[dict[UUID, RunWithStates]]], Awaitable[dict[UUID, RunWithStates]]]

# How seldom to look while notifications arrive.
_LIVE_SECONDS = 5.0
# How long the database may be away before those who wait are told.
_OUTAGE_SECONDS = 60.0


class Looks:
    """When somebody who waits looks again, and how long an outage is borne. Times in seconds."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._pauses = pauses(_LIVE_SECONDS)
        self._deaf_pauses = pauses()
        self._lost: float | None = None

    async def next(self, at_most: float | None = None) -> set[UUID]:
        """Wait for news, or until it is time to look anyway; the runs to look at."""
        pause = next(self._pauses) if self._subscription.live else next(self._deaf_pauses)
        return await self._subscription.wait(pause if at_most is None else min(pause, at_most))

    def found(self) -> None:
        """A look has succeeded."""
        self._lost = None

    def failed(self, error: DatabaseUnavailable) -> None:
        """A look has not; raises the error if that has gone on for too long."""
        now = time.monotonic()
        self._lost = self._lost or now
        if now - self._lost > _OUTAGE_SECONDS:
            raise error

    def stir(self) -> None:
        """Something has changed, so more may soon: look often again, at first."""
        self._deaf_pauses = pauses()


class RunWatcher:
    """An async iterator of `RunEvent`s of some runs; it ends when all of them have ended.

    `states` is what is known of each run. Raises RunNotFound for a run that was never there, and
    DatabaseUnavailable when the database stays away for a minute. Use `async with`, or let it come to its
    end: until then somebody listens.
    """

    def __init__(self, feed: EventFeed, read: Read, run_ids: Iterable[UUID]) -> None:
        self._subscription = Subscription(feed, run_ids)
        self._read = read
        self._states: dict[UUID, RunWithStates] = {}
        self._events = self._follow()

    @property
    def states(self) -> Mapping[UUID, RunWithStates]:
        """Run id -> the run as it is known by now; ended runs stay."""
        return MappingProxyType(self._states)

    async def add(self, run_id: RunId) -> None:
        """Follow one more run."""
        await self._subscription.add(parse_run_id(run_id))

    def remove(self, run_id: RunId) -> None:
        """Follow this run no more."""
        self._subscription.run_ids.discard(parse_run_id(run_id))

    def __aiter__(self) -> AsyncIterator[RunEvent]:
        return self

    async def __anext__(self) -> RunEvent:
        return await anext(self._events)

    async def next(self) -> RunEvent | None:
        """The next event, None if no more will come."""
        return await anext(self._events, None)

    async def __aenter__(self) -> RunWatcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Follow none any more."""
        self._subscription.run_ids.clear()
        # A task that is waiting for the next event finds that there are none left.
        self._subscription.mark(())
        with suppress(RuntimeError):
            await self._events.aclose()

    async def _follow(self) -> AsyncGenerator[RunEvent, None]:
        wanted = self._subscription.run_ids
        async with self._subscription as subscription:
            looks, look_at = Looks(subscription), set(wanted)
            while wanted:
                try:
                    found = await self._read(looking.runs_with_states(list(look_at)))
                except DatabaseUnavailable as error:
                    if not self._states:
                        raise
                    looks.failed(error)
                else:
                    looks.found()
                    for run_id in look_at & wanted:
                        for event in self._learn(run_id, found.get(run_id)):
                            looks.stir()
                            yield event
                if wanted:
                    look_at = await looks.next()

    def _learn(self, run_id: UUID, after: RunWithStates | None) -> list[RunEvent]:
        before = self._states.get(run_id)
        if after is None or after.run.finished:
            self._subscription.run_ids.discard(run_id)
        if after is not None:
            self._states[run_id] = after
        elif before is None:
            raise run_faults.run_not_found(run_id)
        return changes(before, after)


class BlockingRunWatcher:
    """A `RunWatcher` for ordinary code: the same methods and attributes, and an ordinary iterator."""

    def __init__(self, loop: BackgroundLoop, watcher: RunWatcher) -> None:
        self._loop = loop
        self._watcher = watcher

    @property
    def states(self) -> Mapping[UUID, RunWithStates]:
        """Run id -> the run as it is known by now; ended runs stay."""
        return self._watcher.states

    def add(self, run_id: RunId) -> None:
        """Follow one more run."""
        self._loop.run(self._watcher.add(run_id))

    def remove(self, run_id: RunId) -> None:
        """Follow this run no more."""
        self._watcher.remove(run_id)

    def __iter__(self) -> Iterator[RunEvent]:
        return self

    def __next__(self) -> RunEvent:
        event = self._loop.run(self._watcher.next())
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> BlockingRunWatcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Follow none any more."""
        with suppress(ConfigurationError):  # the client is closed, and has closed its watchers
            self._loop.run(self._watcher.close())


async def until_ended(
    subscription: Subscription,
    ask_status: Callable[[], Awaitable[RunStatus]],
    run_id: UUID,
    timeout: float | None,  # noqa: ASYNC109 - ends in WaitTimeout, which says more than a TimeoutError
) -> None:
    """Return when the run has ended. Raises WaitTimeout after `timeout` seconds, RunNotFound, InvalidTime."""
    try:
        deadline = None if timeout is None else time.monotonic() + timeout
    except TypeError:
        deadline = math.nan
    if deadline is not None and math.isnan(deadline):
        raise InvalidTime(f"a timeout is seconds or None, not {timeout!r}")
    looks, known = Looks(subscription), False
    while True:
        try:
            if await ask_status() != "started":
                return
            known = True
            looks.found()
        except DatabaseUnavailable as error:
            if not known:
                raise
            looks.failed(error)
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise run_faults.wait_timeout(run_id, timeout or 0.0)
        await looks.next(left)
