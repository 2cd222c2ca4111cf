"""Tells telemetry which runs ended with an outcome that this worker recorded. Asks only if somebody listens.

The database says what an outcome did to its task, not what it did to the run. So a little later, and for many
tasks at once, the runs are looked at: a run that ended at the very time of a task ended in the transaction
that recorded the task's outcome, so of several workers one tells.
"""

from __future__ import annotations

import asyncio
import logging

import psycopg

from pgflowc_runtime import telemetry
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.queries.run_ends import runs_ended_by
from pgflowc_runtime.rows import ClaimedTask

log = logging.getLogger("pgflowc.worker")

_PAUSE_SECONDS = 0.2
_AT_ONCE = 1000
# While the database is away outcomes are kept; these would only be counted late.
_KEPT = 100_000


class RunEnds:
    """Outcomes go in by `recorded`, events come out by `run`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks: list[ClaimedTask] = []
        self._something = asyncio.Event()

    def recorded(self, task: ClaimedTask) -> None:
        """The outcome of this task is in the database, and the task will not be tried again."""
        if (telemetry.wanted("run.completed") or telemetry.wanted("run.failed")) and len(self._tasks) < _KEPT:
            self._tasks.append(task)
            self._something.set()

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            await self._something.wait()
            await asyncio.sleep(_PAUSE_SECONDS)
            await self.tell()

    async def tell(self) -> None:
        """Tell what there is to tell now. A database that is away is asked again next time."""
        while self._tasks:
            tasks = self._tasks[:_AT_ONCE]
            try:
                ends = await self._database.run(runs_ended_by(tasks))
            except (psycopg.Error, OSError) as error:
                log.debug("cannot look at the runs that ended: %s", headline(error))
                return
            del self._tasks[: len(tasks)]
            for end in ends:
                about = {"flow_slug": end.flow_slug, "run_id": end.run_id}
                if end.status == "completed":
                    telemetry.emit("run.completed", {"duration": end.seconds}, about)
                else:
                    telemetry.emit(
                        "run.failed", {"duration": end.seconds}, {**about, "error": end.error or ""}
                    )
        self._something.clear()
