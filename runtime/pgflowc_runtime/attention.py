"""What the claim loop has to look at: the flows that may have work, and an event that says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable


class Attention:
    """Flows are looked at in turns, so that a busy one cannot starve the others.

    Everything here runs in the worker's event loop; nothing is thread-safe.
    """

    def __init__(self, flows: Iterable[str]) -> None:
        self._flows = dict.fromkeys(flows)
        # Those that were found while the worker runs.
        self._found: set[str] = set()
        self._suspended: set[str] = set()
        self._marked = dict.fromkeys(self._flows)
        # Of these somebody has said that they have work; the others only may have.
        self._announced: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._on_mark: Callable[[], None] = _nobody
        self._on_signal: Callable[[str], None] | None = None

    @property
    def flows(self) -> tuple[str, ...]:
        """The flows that are served now."""
        return tuple(flow for flow in self._flows if flow not in self._suspended)

    @property
    def any_left(self) -> bool:
        """Whether there is any flow to serve, now or later."""
        return bool(self._flows)

    def on_mark(self, call: Callable[[], None]) -> None:
        """Call this when a flow is marked, whoever else waits."""
        self._on_mark = call

    def on_signal(self, call: Callable[[str], None]) -> None:
        """Call this with what a signal to a task says."""
        self._on_signal = call

    def signalled(self, payload: str) -> None:
        """A signal has been sent to a task that waits in its handler."""
        if self._on_signal is not None:
            self._on_signal(payload)

    def serves(self, flow: str) -> bool:
        """Whether the flow is served now."""
        return flow in self._flows and flow not in self._suspended

    def add(self, flow: str) -> None:
        """Serve this flow, too, and look at it before the others: it is new."""
        self._flows.setdefault(flow)
        self._found.add(flow)
        self._suspended.discard(flow)
        self.announce(flow)

    def comes_and_goes(self, flow: str) -> bool:
        """Whether the flow was found while the worker runs, so that it may be gone as well."""
        return flow in self._found or flow not in self._flows

    def drop(self, flow: str) -> None:
        """Serve this flow no more."""
        self._flows.pop(flow, None)
        self._found.discard(flow)
        self.unmark(flow)
        self._changed.set()

    def suspend(self, flow: str, seconds: float) -> None:
        """Serve this flow again only after a while; the others go on."""
        self._suspended.add(flow)
        self.unmark(flow)
        asyncio.get_running_loop().call_later(seconds, self._resume, flow)

    def _resume(self, flow: str) -> None:
        self._suspended.discard(flow)
        self.mark(flow)

    def mark(self, flow: str) -> None:
        """This flow may have work; ignored if it is not served."""
        if self.serves(flow):
            self._marked.setdefault(flow)
            self._changed.set()
            self._on_mark()

    def announce(self, flow: str) -> None:
        """This flow has work, somebody says: it need not wait for thousands that only may have
        some to be looked at.
        """
        if self.serves(flow):
            self._announced.setdefault(flow)
            self.mark(flow)

    def mark_all(self) -> None:
        """Any flow may have work."""
        for flow in self.flows:
            self._marked.setdefault(flow)
        self._changed.set()
        self._on_mark()

    def poke(self) -> None:
        """Something else has changed: a slot is free, or the worker stops."""
        self._changed.set()

    def next(self) -> str | None:
        """The flow to look at now, unmarked; None if no flow is marked."""
        flow = next(iter(self._announced or self._marked), None)
        if flow is not None:
            self.unmark(flow)
        return flow

    def unmark(self, flow: str) -> int:
        """Somebody looks at this flow anyway; returns how many others are marked."""
        self._announced.pop(flow, None)
        self._marked.pop(flow, None)
        return len(self._marked)

    def noticed(self) -> None:
        """Forget past changes. Called before looking around, so that what changes after is not missed."""
        self._changed.clear()

    async def wait(self, seconds: float | None = None) -> bool:
        """Whether something changed since `noticed`, within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True


def _nobody() -> None:
    return
