"""Trades outcomes for tasks: records what handlers have done and claims in the same trip, claims while there
are free slots, and rests while there is nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import psycopg

from pgflowc_runtime import telemetry
from pgflowc_runtime.attention import Attention
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline, is_transient
from pgflowc_runtime.delivery import Report, Verdict, identity
from pgflowc_runtime.exchange import Exchange
from pgflowc_runtime.recorder import Recorder
from pgflowc_runtime.rows import ClaimedTask
from pgflowc_runtime.setbacks import Setbacks, is_contention, tell_retry
from pgflowc_runtime.waiting import Waiting

log = logging.getLogger("pgflowc.worker")

_SUSPENSION_SECONDS = 10.0
# For a flow that a pattern found: it was deleted a moment ago, and may be defined anew in the next.
_FLEETING_SECONDS = 1.0
# How long a busy flow may keep the worker from looking at the others.
_ROUND_SECONDS = 0.2
# Looking at a thousand flows takes seconds in which the busy one gets nothing; most of the time is to be its.
_ROUND_SECONDS_PER_FLOW = 0.01
# While one trip is under way the next outcomes gather, or leave with a second one: the server works on one
# while we work on the other. More would only make each slower.
_TRIPS_PER_FLOW = 2
# The most outcomes in one trip: the last ones wait for the first ones' sake, and 20 ms is the limit for that.
_OUTCOMES_PER_TRIP = 100


class Slots(Protocol):
    """Where tasks are executed."""

    def free(self) -> int:
        """How many tasks could begin now."""

    def start_task(self, task: ClaimedTask) -> None:
        """Begin a task; it takes a slot until its handler ends."""

    def held(self) -> Iterator[ClaimedTask]:
        """The tasks that are being executed."""


class ClaimLoop:
    """Claims never more than there are free slots, since the time of a claimed task is running.

    Each trip to the database is a task of its own in the event loop, begun as soon as there is reason: at
    once when the worker was idle, else when one of the trips under way comes back.
    """

    def __init__(
        self,
        exchange: Exchange,
        recorder: Recorder,
        attention: Attention,
        waiting: Waiting,
        worker_ids: Mapping[str, UUID],
        slots: Slots,
        *,
        worker_name: str,
        batch_size: int,
        trips: int,
    ) -> None:
        """`worker_ids`: flow -> the worker's id for that queue. `trips`: at most so many are under way."""
        self._exchange = exchange
        self._recorder = recorder
        self._attention = attention
        self._waiting = waiting
        self._worker_ids = worker_ids
        self._slots = slots
        self._worker_name = worker_name
        self._batch_size = batch_size
        self._most_trips = trips
        self._trips: set[asyncio.Task[None]] = set()
        self._trips_of: Counter[str] = Counter()
        # Slots promised to claims under way.
        self._promised = 0
        self._embark_scheduled = False
        self._resting = False
        self._stopping = False
        self._trouble = Backoff(0.05, 2.0)
        self._setbacks = Setbacks(self._resume)
        self._in_trouble = False
        self._blocked = False
        self._failures = 0
        self._lost_claims = False
        self._next_round = 0.0
        attention.on_mark(self._marked)

    # Life

    async def run(self) -> None:
        """Claim until stopped."""
        while not self._stopping:
            self._attention.noticed()
            self._embark()
            if self._trips or self._blocked or self._free() <= 0:
                await self._beware(self._waiting.working)
                await self._attention.wait()
            else:
                await self._rest()
        try:
            await self._waiting.end()
        except (psycopg.Error, OSError):
            # It expires.
            log.debug("the announcement of waiting could not be withdrawn")

    async def _rest(self) -> None:
        self._resting = True
        try:
            await self._beware(self._waiting.rest)
        finally:
            self._resting = False
            self._put_off_round()

    def stop(self) -> None:
        """Claim no more; `run` returns soon. Outcomes are still recorded."""
        self._stopping = True
        self._attention.poke()

    def record(self, report: Report) -> None:
        """A handler has ended: record this as soon as possible."""
        self._recorder.add(report)
        self._schedule()

    def settled_elsewhere(self, report: Report, verdict: Verdict) -> None:
        """A handler's own transaction has recorded this, or has been told that the task is not ours."""
        self._recorder.judge(report, verdict)
        # Dependents may be there now.
        self._attention.mark(report.task.flow_slug)

    def look_at(self, flow: str) -> None:
        """There may be work in this flow."""
        self._attention.mark(flow)

    async def settled(self) -> None:
        """Until every outcome is recorded and no trip is under way."""
        while self._trips or len(self._recorder):
            self._attention.noticed()
            self._embark()
            await self._attention.wait()

    async def abandon(self, seconds: float) -> None:
        """End trips that are under way, within that time."""
        for trip in self._trips:
            trip.cancel()
        if self._trips:
            await asyncio.wait(set(self._trips), timeout=seconds)

    @property
    def database_answers(self) -> bool:
        """Whether the last trip came back."""
        return not self._in_trouble

    # Embarking

    def _free(self) -> int:
        return self._slots.free() - self._promised

    def _marked(self) -> None:
        if self._resting:
            self._embark()  # nothing is there that could share the trip
        else:
            self._schedule()

    def _schedule(self) -> None:
        # Not at once: handlers that end in the same turn of the event loop share the trip.
        if not self._embark_scheduled:
            self._embark_scheduled = True
            asyncio.get_running_loop().call_soon(self._embark)

    def _embark(self) -> None:
        """Begin as many trips as there is reason for."""
        self._embark_scheduled = False
        if self._blocked:
            return
        if self._lost_claims:
            # Alone: what another trip claims at the same time must not be taken for lost.
            if not self._trips:
                self._depart(self._give_back())
            return
        most = 1 if self._in_trouble else self._most_trips
        while len(self._trips) < most:
            if (flow := self._flow_to_report()) is not None:
                reports = self._recorder.take(flow, _OUTCOMES_PER_TRIP)
                # What waits for a lock must not keep slots meanwhile.
                self._begin(flow, reports, 0 if self._setbacks.has_met(flow) else self._share(flow))
            elif not self._stopping and self._free() > 0 and (flow := self._attention.next()) is not None:
                self._begin(flow, [], max(1, self._share(flow)))
            else:
                break

    def _flow_to_report(self) -> str | None:
        for flow in self._recorder.flows:
            if self._trips_of[flow] < _TRIPS_PER_FLOW and not self._setbacks.waits(flow):
                return flow
        return None

    def _share(self, flow: str) -> int:
        """How many tasks to claim of this flow: its part of the free slots, if others may have work, too."""
        if self._stopping or not self._attention.serves(flow):
            return 0
        others = self._attention.unmark(flow)
        return max(0, min(self._free() // (others + 1), self._batch_size))

    def _begin(self, flow: str, reports: list[Report], claim: int) -> None:
        self._promised += claim
        self._trips_of[flow] += 1
        self._depart(self._trip(flow, reports, claim))

    def _depart(self, journey: Coroutine[Any, Any, None]) -> None:
        trip = asyncio.create_task(journey)
        self._trips.add(trip)
        trip.add_done_callback(self._ended)

    def _ended(self, trip: asyncio.Task[None]) -> None:
        self._trips.discard(trip)
        self._schedule()
        if not self._resting:
            self._attention.poke()
        if not trip.cancelled() and (error := trip.exception()) is not None:
            log.critical("a trip to the database went wrong", exc_info=error)

    # Under way

    async def _trip(self, flow: str, reports: list[Report], claim: int) -> None:
        tasks: Sequence[ClaimedTask] = ()
        try:
            if reports:
                tasks = await self._flush(flow, reports, claim)
            else:
                tasks = await self._claim(flow, claim)
        except (psycopg.Error, OSError) as error:
            self._failed(flow, reports, error)
        else:
            self._recovered()
            if reports:
                self._setbacks.over(flow)
        finally:
            self._promised -= claim
            self._trips_of[flow] -= 1
        for task in tasks:
            self._slots.start_task(task)
        if tasks:
            self._waiting.found()
            if self._resting:
                self._attention.poke()
        if self._stopping:
            return
        if len(tasks) == claim:
            # There may be more; behind the other flows, so that they get their turn.
            self._attention.mark(flow)
        if tasks or reports:
            # Else nothing keeps it busy, and a round of many flows would be followed by the next for ever.
            self._look_round()

    async def _flush(self, flow: str, reports: list[Report], claim: int) -> Sequence[ClaimedTask]:
        """Raises an error that may pass; all reports are to be sent again then."""
        try:
            flushed = await self._exchange.flush(flow, self._worker_ids[flow], reports, claim)
        except psycopg.Error as error:
            if is_transient(error):
                raise
            await self._flush_in_parts(flow, reports, error)
            if claim:
                self._attention.mark(flow)
            return ()
        await self._recorder.settle(reports, flushed.verdicts)
        if flushed.verdicts and self._resting:
            # Retries are due some time, and perhaps before the end of the rest.
            self._attention.poke()
        return flushed.tasks

    async def _flush_in_parts(self, flow: str, reports: list[Report], error: psycopg.Error) -> None:
        """Only the outcome that PostgreSQL refuses is to suffer from it."""
        if len(reports) == 1:
            if not self._recorder.refuse(reports[0], headline(error)):
                return
            parts = [reports]
        else:
            middle = len(reports) // 2
            parts = [reports[:middle], reports[middle:]]
        while parts:
            part = parts.pop(0)
            try:
                await self._flush(flow, part, 0)
            except (psycopg.Error, OSError):
                reports[:] = [report for rest in (part, *parts) for report in rest]
                raise

    async def _claim(self, flow: str, quantity: int) -> Sequence[ClaimedTask]:
        began = time.monotonic()
        about = {"worker_name": self._worker_name, "flow_slug": flow}
        telemetry.emit("poll.start", {"quantity": quantity}, about)
        tasks: Sequence[ClaimedTask] = ()
        try:
            tasks = await self._exchange.claim(flow, self._worker_ids[flow], quantity)
        except psycopg.Error as error:
            if is_transient(error):
                raise
            # Its queue was dropped, say. That must not stop the other flows, and may be mended meanwhile.
            fleeting = self._attention.comes_and_goes(flow)
            seconds = _FLEETING_SECONDS if fleeting else _SUSPENSION_SECONDS
            log.log(
                logging.INFO if fleeting else logging.ERROR,
                "cannot claim tasks of flow %s: %s; trying again in %g s",
                flow,
                headline(error),
                seconds,
            )
            self._attention.suspend(flow, seconds)
        finally:
            measured = {"duration": time.monotonic() - began, "tasks": len(tasks)}
            telemetry.emit("poll.stop", measured, about)
        return tasks

    def _look_round(self) -> None:
        """Nobody tells of other flows' work while one keeps us busy, since a busy worker does not announce
        itself.
        """
        if asyncio.get_running_loop().time() >= self._next_round:
            self._put_off_round()
            self._attention.mark_all()

    def _put_off_round(self) -> None:
        seconds = max(_ROUND_SECONDS, _ROUND_SECONDS_PER_FLOW * len(self._attention.flows))
        self._next_round = asyncio.get_running_loop().time() + seconds

    # Trouble

    async def _beware(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except psycopg.errors.UndefinedTable as error:
            # A queue that went away in the midst of it: the next look does not see it.
            log.info("a flow is gone, perhaps: %s", headline(error))
            await self._attention.wait(_FLEETING_SECONDS)
        except (psycopg.Error, OSError) as error:
            self._sit_out(error)

    def _failed(self, flow: str, reports: list[Report], error: psycopg.Error | OSError) -> None:
        """A trip of this flow has failed, and may succeed another time."""
        if reports:
            self._recorder.put_back(reports, apart=is_contention(error))
        if not is_contention(error):
            delay = self._sit_out(error)
            if reports:
                tell_retry(flow, error, outcomes=len(reports), attempt=self._failures, delay=delay)
        elif reports:
            self._setbacks.meet(flow, error, len(reports))
        else:
            self._attention.suspend(flow, self._trouble.next())

    def _resume(self) -> None:
        self._schedule()
        self._attention.poke()

    def _sit_out(self, error: psycopg.Error | OSError) -> float:
        """Stay away from the database for a while; returns for how many seconds."""
        if self._blocked:
            return 0.0
        if not self._in_trouble:
            log.warning("the database does not answer: %s; trying again", headline(error))
        self._in_trouble = self._blocked = self._lost_claims = True
        self._failures += 1
        delay = self._trouble.next()
        asyncio.get_running_loop().call_later(delay, self._try_again)
        return delay

    async def _give_back(self) -> None:
        """Of a claim whose answer was lost with its connection, nobody knows the tasks: not before their time
        is over would others get them.
        """
        held = {identity(task) for holder in (self._slots, self._recorder) for task in holder.held()}
        try:
            found = await self._exchange.give_back(self._worker_ids, held)
        except (psycopg.Error, OSError) as error:
            self._sit_out(error)
            return
        self._lost_claims = False
        # Not recovered yet: it has been read, perhaps, and cannot be written.
        if found:
            log.info("gave %d tasks back whose claim had been lost", found)
        self._attention.mark_all()

    def _try_again(self) -> None:
        self._blocked = False
        self._attention.mark_all()

    def _recovered(self) -> None:
        if self._in_trouble:
            log.info("the database answers again")
            self._trouble.reset()
            self._failures = 0
        self._in_trouble = False
