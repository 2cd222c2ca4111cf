"""What becomes of a worker's tasks at its end: they come to theirs, or go back to their queues."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import psycopg

from pgflowc_runtime.assignments import Assignments
from pgflowc_runtime.claim_loop import ClaimLoop
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.exchange import Exchange
from pgflowc_runtime.recorder import Recorder

log = logging.getLogger("pgflowc.worker")

# At the end nothing may hang: what the database does not take in this time, recovery mends later.
GOODBYE_SECONDS = 5.0
COURTESY_SECONDS = 1.0


class Drain:
    """Ends the tasks that a worker has claimed, after its claim loop was told to stop."""

    def __init__(
        self,
        database: Database,
        exchange: Exchange,
        assignments: Assignments,
        recorder: Recorder,
        claim_loop: ClaimLoop,
    ) -> None:
        self._database = database
        self._exchange = exchange
        self._assignments = assignments
        self._recorder = recorder
        self._claim_loop = claim_loop

    async def wait(self, claims: asyncio.Task[None], hurry: asyncio.Event, seconds: float) -> None:
        """Until the last claim is back and all is recorded, the time is over, or there is hurry. `claims`
        runs the claim loop.
        """
        hurried = asyncio.ensure_future(hurry.wait())
        done = asyncio.ensure_future(self._all_done(claims))
        await asyncio.wait({hurried, done}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (hurried, done):
            waiter.cancel()

    async def _all_done(self, claims: asyncio.Task[None]) -> None:
        # What it does at its end is a courtesy, for which a database that is away is not waited for.
        await asyncio.wait({claims}, timeout=COURTESY_SECONDS)
        claims.cancel()
        await self._claim_loop.settled()
        while calls := self._assignments.calls():
            await asyncio.wait(calls)
            await self._claim_loop.settled()

    async def give_back(self) -> int:
        """Stop what is still running and return its tasks to the queues; how many there were."""
        tasks = await self._assignments.stop()
        goodbye = GOODBYE_SECONDS if self._claim_loop.database_answers else 0.0
        # A last chance for outcomes, and for a claim that is under way: nobody would know its tasks.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(goodbye):
                await self._claim_loop.settled()
        self._assignments.abandon()
        await self._claim_loop.abandon(COURTESY_SECONDS)
        if unrecorded := len(self._recorder):
            log.error("%d outcomes could not be recorded: their tasks will be executed again", unrecorded)
        if not tasks:
            return unrecorded
        try:
            async with asyncio.timeout(goodbye):
                released = await self._database.run(self._exchange.release(tasks))
        except (TimeoutError, psycopg.Error, OSError) as error:
            log.error("%d tasks could not be given back: %s", len(tasks), headline(error))
            return len(tasks) + unrecorded
        if released:
            log.warning("gave %d unfinished tasks back to their queues", released)
        return released + unrecorded
