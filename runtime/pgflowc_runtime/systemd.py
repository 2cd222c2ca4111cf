"""Tells systemd how the worker is, for units with `Type=notify` and, if they like, `WatchdogSec=`.

Does nothing anywhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator


def notify(state: str) -> None:
    """Send `READY=1` or the like to the socket that systemd names; nothing if it names none."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    # A manager that does not listen is no reason to stop working.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)


@contextlib.contextmanager
def ready() -> Iterator[None]:
    """The worker works. Inside the block the unit's watchdog, if it has one, hears from the event loop."""
    notify("READY=1")
    interval = _watchdog_seconds()
    task = asyncio.ensure_future(_keep_telling(interval)) if interval else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def _keep_telling(interval: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval)


def _watchdog_seconds() -> float | None:
    """How often to tell; None if nobody watches."""
    text = os.environ.get("WATCHDOG_USEC", "")
    if not text.isdecimal() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    # Twice in the time, as systemd advises.
    return int(text) / 2_000_000 or None
