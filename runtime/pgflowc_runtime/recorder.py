"""Writes outcomes to the database, so that none is lost and none overrides somebody else's."""

from __future__ import annotations

import logging

import psycopg

from pgflowc_runtime import outcome, queries
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.logging import task_fields
from pgflowc_runtime.outcome import Completed, Failed, Outcome
from pgflowc_runtime.rows import ClaimedTask

log = logging.getLogger("pgflowc.worker")


class Recorder:
    """Reports each outcome once. A lost connection is waited for; a task that was taken from us is let go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, task: ClaimedTask, result: Outcome) -> bool:
        """Store the outcome; False if the task is not ours any more. Cancelling gives up."""
        try:
            return await self._report(task, result)
        except psycopg.Error as error:
            # The database took the statement and refuses the contents (or a bug of the core shows): trying
            # again would be refused again, while a failure with the reason can be stored.
            log.warning(
                "outcome refused by the database: %s", headline(error), extra={"pgflow": task_fields(task)}
            )
            return await self._report(task, outcome.refused(headline(error)))

    async def _report(self, task: ClaimedTask, result: Outcome) -> bool:
        match result:
            case Completed(output):
                query = queries.complete_task(task, output)
            case Failed(error):
                query = queries.fail_task(task, error)
        if await self._database.insist(query, what=f"outcome of {task}"):
            return True
        # Either an earlier try was executed and only its answer got lost, or the task has gone to somebody
        # else.
        status = await self._database.insist(queries.task_status(task), what=f"outcome of {task}")
        if status in ("completed", "failed", "queued"):
            return True
        log.warning(
            "outcome dropped: the task is no longer ours", extra={"pgflow": task_fields(task, status=status)}
        )
        return False
