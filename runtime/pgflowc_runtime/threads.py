"""Threads for plain handlers.

Unlike `concurrent.futures.ThreadPoolExecutor` the threads are daemons, so an abandoned handler cannot keep
the process from ending, and there is one for every call at once: an abandoned handler holds its own thread,
nobody else's.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

Call = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Threads:
    """Runs functions in threads; keeps up to `spare` idle ones for the next calls."""

    def __init__(self, spare: int) -> None:
        self._spare = spare
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._closed = False

    def submit(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Call `function`, which must not raise, in a thread, with the caller's context variables.

        Cancelling the future abandons the call: it runs on and its result is dropped.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()
        call: Call = (lambda: context.run(function), loop, future)
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._calls.put(call)
                return future
        threading.Thread(target=self._serve, args=(call,), name="pgflowc-handler", daemon=True).start()
        return future

    def close(self) -> None:
        """End the idle threads; the others end with their call."""
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._calls.put(None)
            self._idle = 0

    def _serve(self, call: Call | None) -> None:
        while call is not None:
            _execute(*call)
            with self._lock:
                if self._closed or self._idle >= self._spare:
                    return
                self._idle += 1
            call = self._calls.get()


def _execute(
    function: Callable[[], Any], loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]
) -> None:
    result = function()
    try:
        loop.call_soon_threadsafe(_resolve, future, result)
    except RuntimeError:
        # The loop is closed: the worker has stopped, and has given this task back.
        return


def _resolve(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)
