"""Notices a handler that blocks the event loop, and says which one and where it is.

While handlers run in the loop, the loop leaves a sign every so often. A thread looks at it; when the sign is
old, something has kept the loop for so long, and the stack of the loop's thread shows what. An idle worker
has neither signs nor looks.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from pgflowc_runtime.logging import STACK, task_fields

if TYPE_CHECKING:
    from pgflowc_runtime.executor import Running

log = logging.getLogger("pgflowc.watchdog")

SIGN_SECONDS: Final = 0.25
BLOCKED_SECONDS: Final = 1.0

_CALLERS = (str(Path(__file__).with_name("executor.py")), str(asyncio.events.__file__))


class Watchdog:
    """Watches the loop in which it was made while any of `running` runs."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, running: Mapping[asyncio.Task[None], Running]
    ) -> None:
        self._loop = loop
        self._running = running
        self._thread_id = threading.get_ident()
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._active = threading.Event()
        self._closed = False
        self._sign = 0.0

    def watch(self) -> None:
        """A handler begins in the loop. Cheap if the watch is on already."""
        if self._timer is None and not self._closed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="pgflowc-watchdog", daemon=True)
                self._thread.start()
            self._leave_sign()
            self._active.set()

    def close(self) -> None:
        """End the watch."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._active.set()

    def _leave_sign(self) -> None:
        self._sign = time.monotonic()
        if self._running or self._timer is None:
            self._timer = self._loop.call_later(SIGN_SECONDS, self._leave_sign)
        else:
            self._active.clear()
            self._timer = None

    def _look(self) -> None:
        told = 0.0
        while True:
            self._active.wait()
            if self._closed:
                return
            time.sleep(SIGN_SECONDS)
            sign = self._sign
            if told and sign != told:
                log.warning("the event loop goes on after %.1f s", sign - told)
                told = 0.0
            if self._active.is_set() and not told and time.monotonic() - sign > BLOCKED_SECONDS:
                self._tell(time.monotonic() - sign)
                told = sign

    def _tell(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._thread_id)
        if frame is None:
            return
        if frame.f_code.co_filename == selectors.__file__:
            # It waits for events, or would if it could: whoever keeps it from going on is not in this thread.
            log.warning(
                "the event loop has not turned for %.1f s: a handler in a thread does not let go of Python's "
                "global lock, or the machine is overloaded",
                seconds,
            )
            return
        what, fields = "something", {}
        task = asyncio.current_task(self._loop)
        running = self._running.get(task) if task is not None else None
        if running is not None:
            what = f"handler {running.task.flow_slug}.{running.task.step_slug}"
            fields = task_fields(running.task)
        log.warning(
            "%s has been blocking the event loop for %.1f s, and every other async handler with it; write it "
            "as a plain `def`, or give its step `isolation: process`. It is here:",
            what,
            seconds,
            extra={"pgflow": fields, STACK: _stack(frame)},
        )


def _stack(frame: FrameType) -> str:
    frames = traceback.extract_stack(frame)
    # Below the last frame of what called the handler.
    called = max((i for i, entry in enumerate(frames) if entry.filename in _CALLERS), default=-1)
    return "".join(traceback.format_list(frames[called + 1 :])).rstrip()
