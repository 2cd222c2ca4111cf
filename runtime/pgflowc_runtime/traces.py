"""The trace contexts of whoever started the runs at hand."""

from __future__ import annotations

import contextlib
from uuid import UUID

import psycopg

from pgflowc_runtime.database import Database
from pgflowc_runtime.queries.traces import trace_of

# Steps of a run follow each other closely.
_KEPT = 1000


class Traces:
    """Asks the database once for each run."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[UUID, str | None] = {}

    async def of(self, run_id: UUID) -> str | None:
        """The carrier of that run. A trace is not worth a task: trouble means None."""
        if run_id not in self._known:
            carrier = None
            with contextlib.suppress(psycopg.Error, OSError):
                carrier = await self._database.run(trace_of(run_id))
            while len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[run_id] = carrier
        return self._known[run_id]
