"""An event loop in a thread, for what a synchronous client does by events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from pgflowc_runtime.run_faults import client_closed

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines for other threads; ends with `close`, or with the process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        # What comes after the last thing would be waited for for ever.
        self._submitting = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="pgflowc-client", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Its result, or what it raises; ConfigurationError if the loop is closed, or is meanwhile.

        An interrupt of the waiting thread cancels it.
        """
        with self._submitting:
            if self._closed:
                coroutine.close()
                raise client_closed()
            future = asyncio.run_coroutine_threadsafe(self._watched(coroutine), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise client_closed() from None
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[[], T]) -> T:
        """`run` for a plain function."""

        async def called() -> T:
            return function()

        return self.run(called())

    async def _watched(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None, "run as one"
        self._tasks.add(task)
        try:
            return await coroutine
        finally:
            self._tasks.discard(task)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what is still run for other threads, do the `last` thing, then stop loop and thread."""

        async def end() -> None:
            others = list(self._tasks)
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last()

        with self._submitting:
            self._closed = True
            ended = asyncio.run_coroutine_threadsafe(end(), self._loop)
        ended.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
