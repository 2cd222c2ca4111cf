"""Ids of runs."""

from __future__ import annotations

import os
import time
from uuid import UUID

from pgflowc_runtime.errors import InvalidRunId

RunId = UUID | str
"""How callers may name a run."""


def new_run_id() -> UUID:
    """A UUID of version 7: the time, then random bits, so that runs started together lie together in the
    database's indexes.

    Clients choose the ids of their runs, which makes it safe to try a start again whose answer was lost.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def parse_run_id(run_id: RunId) -> UUID:
    """The id as a UUID; raises InvalidRunId for a text that is none."""
    if isinstance(run_id, UUID):
        return run_id
    try:
        return UUID(run_id)
    except (ValueError, AttributeError, TypeError):
        raise InvalidRunId(
            f"'{run_id}' is not a run id", help="`pgflowc runs list` shows the latest ones"
        ) from None
