"""Takes tasks from the queues while there are free slots, and rests while there is nothing to take."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

import psycopg

from pgflowc_runtime import queries
from pgflowc_runtime.attention import Attention
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline, is_transient
from pgflowc_runtime.database import Database, execute
from pgflowc_runtime.rows import ClaimedTask
from pgflowc_runtime.waiting import Waiting

log = logging.getLogger("pgflowc.worker")

_SUSPENSION_SECONDS = 10.0
# How long a busy flow may keep the worker from looking at the others.
_ROUND_SECONDS = 0.2


class Claim(Protocol):
    """Takes up to `quantity` tasks of a flow for a worker."""

    async def __call__(self, flow_slug: str, worker_id: UUID, quantity: int) -> Sequence[ClaimedTask]: ...


def fast_claim(database: Database) -> Claim:
    """The claim of a database with our schema: one statement."""

    async def claim(flow_slug: str, worker_id: UUID, quantity: int) -> Sequence[ClaimedTask]:
        return await database.run(queries.start_tasks(flow_slug, worker_id, quantity))

    return claim


def foreign_claim(database: Database) -> Claim:
    """The claim of a core without our schema, whose records lack the attempt: it is read in the same
    transaction.
    """

    async def claim(flow_slug: str, worker_id: UUID, quantity: int) -> Sequence[ClaimedTask]:
        async with database.connection() as connection, connection.transaction():
            query = queries.start_tasks_of_foreign_core(flow_slug, worker_id, quantity)
            tasks = await execute(connection, query)
            ids = [task.message_id for task in tasks]
            attempts = await execute(connection, queries.task_attempts(flow_slug, ids)) if tasks else {}
        return [dataclasses.replace(task, attempt=attempts[task.message_id]) for task in tasks]

    return claim


class ClaimLoop:
    """Claims never more than there are free slots, since the time of a claimed task is running."""

    def __init__(
        self,
        claim: Claim,
        attention: Attention,
        waiting: Waiting,
        worker_ids: Mapping[str, UUID],
        *,
        batch_size: int,
        free_slots: Callable[[], int],
        start: Callable[[ClaimedTask], None],
    ) -> None:
        """`worker_ids`: flow -> the worker's id for that queue. `start` begins a task and takes a slot."""
        self._claim = claim
        self._attention = attention
        self._waiting = waiting
        self._worker_ids = worker_ids
        self._batch_size = batch_size
        self._free_slots = free_slots
        self._start = start
        self._stopping = False
        self._trouble = Backoff(0.05, 5.0)
        self._in_trouble = False
        self._next_round = 0.0

    def stop(self) -> None:
        """Claim no more; `run` returns once a claim that is under way has come back."""
        self._stopping = True
        self._attention.poke()

    async def run(self) -> None:
        """Claim until stopped."""
        while not self._stopping:
            try:
                await self._turn()
            except (psycopg.Error, OSError) as error:
                await self._sit_out(error)
            else:
                self._recovered()
        try:
            await self._waiting.end()
        except (psycopg.Error, OSError):
            # It expires.
            log.debug("the announcement of waiting could not be withdrawn")

    async def _turn(self) -> None:
        self._attention.noticed()
        quantity = min(self._free_slots(), self._batch_size)
        if self._stopping:
            return
        if quantity <= 0:
            await self._attention.wait()
        elif (flow := self._attention.next()) is not None:
            await self._take(flow, quantity)
        else:
            await self._waiting.rest()

    async def _take(self, flow: str, quantity: int) -> None:
        try:
            tasks = await self._claim(flow, self._worker_ids[flow], quantity)
        except psycopg.Error as error:
            if is_transient(error):
                raise
            # Its queue was dropped, say. That must not stop the other flows, and may be mended meanwhile.
            log.error(
                "cannot claim tasks of flow %s: %s; trying again in %g s",
                flow,
                headline(error),
                _SUSPENSION_SECONDS,
            )
            self._attention.suspend(flow, _SUSPENSION_SECONDS)
            return
        for task in tasks:
            self._start(task)
        if len(tasks) == quantity:
            # There may be more; behind the other flows, so that they get their turn.
            self._look_round()
            self._attention.mark(flow)
        if tasks:
            await self._waiting.working()

    def _look_round(self) -> None:
        """Nobody tells of other flows' work while one keeps us busy, since a busy worker does not announce
        itself.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._next_round:
            self._next_round = now + _ROUND_SECONDS
            self._attention.mark_all()

    async def _sit_out(self, error: psycopg.Error | OSError) -> None:
        if not self._in_trouble:
            log.warning("cannot claim tasks: %s; trying again", headline(error))
        self._in_trouble = True
        self._attention.noticed()
        if not self._stopping:
            await self._attention.wait(self._trouble.next())
        self._attention.mark_all()

    def _recovered(self) -> None:
        if self._in_trouble:
            log.info("claiming tasks again")
            self._trouble.reset()
        self._in_trouble = False
