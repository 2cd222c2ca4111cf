"""The event that tells a handler to come to an end, wherever it runs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal


class Ending(asyncio.Event):
    """An event that any thread may set, look at and wait for, each in an event loop of its own.

    asyncio's belongs to one loop, and handlers in threads have others. It is set for good. And
    `if ctx.cancelled` means what it says: asyncio's is true whether it is set or not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told = False
        self._waiting: set[asyncio.Future[None]] = set()

    def is_set(self) -> bool:
        return self._told

    def __bool__(self) -> bool:
        return self._told

    def set(self) -> None:
        # Told first: whoever comes to wait after we have looked at who waits finds it so.
        self._told = True
        for waiting in tuple(self._waiting):
            with contextlib.suppress(RuntimeError):  # its loop is closed
                waiting.get_loop().call_soon_threadsafe(_wake, waiting)

    def clear(self) -> None:
        raise RuntimeError("what has been told to end stays so")

    async def wait(self) -> Literal[True]:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            if not self._told:
                await waiting
        finally:
            self._waiting.discard(waiting)
        return True


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
