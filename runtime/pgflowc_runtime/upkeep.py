"""What a worker does by the clock beside its tasks: heartbeats, recovery of tasks whose worker died, and
deletion of old runs.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from uuid import UUID

import psycopg

from pgflowc_runtime import queries, telemetry
from pgflowc_runtime.attention import Attention
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.queries import Query

log = logging.getLogger("pgflowc.worker")


# Retention is told in hours and days. Batches are small, so that neither locks nor vacuum wait long for one.
_PRUNE_SECONDS = 60.0
_FIRST_PRUNE_SECONDS = 5.0
_NEXT_BATCH_SECONDS = 0.5
_PRUNED_AT_ONCE = 500

# A worker without work is one of many that sit there day and night: it does half of this.
_IDLE_FACTOR = 2


class Heartbeat:
    """Keeps the worker's rows alive; tells of queues for which somebody has deprecated this worker."""

    def __init__(
        self,
        database: Database,
        worker_ids: Callable[[], Mapping[str, UUID]],
        function_name: str,
        *,
        interval: float,
        idle: Callable[[], bool],
        deprecated: Callable[[frozenset[str]], None],
    ) -> None:
        """`worker_ids` are those of the flows served now; `interval` in seconds, twice that while the worker
        is `idle`.
        """
        self._database = database
        self._worker_ids = worker_ids
        self._function_name = function_name
        self._interval = interval
        self._idle = idle
        self._deprecated = deprecated

    async def beat(self) -> None:
        """Register, or renew; raises psycopg.Error."""
        queues = await self._database.run(queries.workers(self._worker_ids(), self._function_name))
        if queues:
            self._deprecated(queues)

    async def run(self) -> None:
        """Beat until cancelled, also while the worker drains, or others would take its tasks for lost."""
        while True:
            await _sleep(self._interval, self._idle)
            try:
                await self.beat()
            except (psycopg.Error, OSError) as error:
                log.warning("heartbeat failed: %s", headline(error))


class Recovery:
    """Queues tasks again whose worker died. One worker does it at a time; the database sees to that."""

    def __init__(
        self,
        database: Database,
        attention: Attention,
        query: Query[int],
        *,
        interval: float,
        idle: Callable[[], bool],
    ) -> None:
        """`query` recovers and returns how many; `interval` in seconds, twice that while `idle`."""
        self._database = database
        self._attention = attention
        self._query = query
        self._interval = interval
        self._idle = idle

    async def run(self) -> None:
        """Recover now and by the clock, until cancelled."""
        while True:
            try:
                recovered = await self._database.run(self._query)
            except (psycopg.Error, OSError) as error:
                log.warning("recovery of stalled tasks failed: %s", headline(error))
            else:
                if recovered:
                    log.warning("%d stalled tasks are back in their queues", recovered)
                    self._attention.mark_all()
            await _sleep(self._interval, self._idle)


class Retention:
    """Deletes ended runs whose flow keeps them no longer. One worker does it at a time; the database sees to
    that.
    """

    def __init__(self, database: Database, *, idle: Callable[[], bool]) -> None:
        self._database = database
        self._idle = idle

    async def run(self) -> None:
        """Prune each minute, while the worker is `idle` each second one, until cancelled."""
        # Workers that were started together do not all begin at once.
        await asyncio.sleep(random.uniform(0, _FIRST_PRUNE_SECONDS))  # noqa: S311 - spreads load
        while True:
            pruned = []
            try:
                pruned = await self._database.run(queries.prune_expired(_PRUNED_AT_ONCE))
            except (psycopg.Error, OSError) as error:
                log.warning("old runs could not be deleted: %s", headline(error))
            else:
                for one in pruned:
                    log.info("deleted %d old runs of flow %s", one.runs, one.flow_slug)
                    telemetry.emit(
                        "runs.pruned",
                        {"runs": one.runs, "tasks": one.step_tasks},
                        {"flow_slug": one.flow_slug},
                    )
            if pruned:
                await asyncio.sleep(_NEXT_BATCH_SECONDS)
            else:
                await _sleep(_PRUNE_SECONDS, self._idle)


async def _sleep(seconds: float, idle: Callable[[], bool]) -> None:
    await asyncio.sleep(seconds)
    if idle():
        await asyncio.sleep(seconds * (_IDLE_FACTOR - 1))
