"""Compiling makes millions of small objects and hardly any garbage, so the collector only costs time."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Without the garbage collector; what reference counting frees is freed as always."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def off() -> None:
    """Without the garbage collector until the process ends, and without a last look at everything then.

    Only for processes that do one thing and end.
    """
    gc.disable()
    atexit.register(gc.freeze)
