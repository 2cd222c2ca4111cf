"""What the claim loop has to look at: the flows that may have work, and an event that says something has
changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Attention:
    """Flows are looked at in turns, so that a busy one cannot starve the others.

    Everything here runs in the worker's event loop; nothing is thread-safe.
    """

    def __init__(self, flows: Iterable[str]) -> None:
        self._flows = list(flows)
        self._marked = dict.fromkeys(self._flows)
        self._changed = asyncio.Event()
        self._changed.set()

    @property
    def flows(self) -> tuple[str, ...]:
        """The flows that are served."""
        return tuple(self._flows)

    def drop(self, flow: str) -> None:
        """Serve this flow no more."""
        if flow in self._flows:
            self._flows.remove(flow)
        self._marked.pop(flow, None)
        self._changed.set()

    def mark(self, flow: str) -> None:
        """This flow may have work; unknown ones are ignored."""
        if flow in self._flows:
            self._marked.setdefault(flow)
            self._changed.set()

    def mark_all(self) -> None:
        """Any flow may have work."""
        for flow in self._flows:
            self._marked.setdefault(flow)
        self._changed.set()

    def poke(self) -> None:
        """Something else has changed: a slot is free, or the worker stops."""
        self._changed.set()

    def next(self) -> str | None:
        """The flow to look at now, unmarked; None if no flow is marked."""
        flow = next(iter(self._marked), None)
        if flow is not None:
            del self._marked[flow]
        return flow

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
