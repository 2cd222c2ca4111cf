"""The scheduler in each worker: one of them leads and starts every slot when it comes, the others stand by.

Leading is an advisory lock in the worker's listening session. It only spares the others the work: what makes
a slot start one run is its primary key. So nobody waits for the lock in the database, where a blocked
statement would keep vacuum from its work; the others try it shortly before each slot, and shortly after it
they start what is still due. A leader that died, or hangs, is replaced before anybody misses it, for two
cheap queries a slot. A worker without such a session (behind a pooler, or one that polls) acts on every slot.

One of the others, the deputy, tries the lock every four seconds, so that somebody leads soon whether a slot
is due or not. Who that is is another lock, so it costs one worker and not all of them, and only where there
are schedules. When it takes over it says so, and another becomes the deputy.

Schedules that pg_cron fires are left to it. Only a time that it should have started and did not, for a minute
and a half, is started here; workers keep that schedule from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

from pgflowc_runtime import queries, telemetry
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline, is_transient
from pgflowc_runtime.database import Database
from pgflowc_runtime.queries import SCHEDULES_CHANNEL
from pgflowc_runtime.rows import Schedule, Timetable
from pgflowc_runtime.scheduler.due import Due, coming, due, forgotten
from pgflowc_runtime.session import Session

log = logging.getLogger("pgflowc.scheduler")

LOOK = timedelta(seconds=60)
"""How long a scheduler sleeps at most. Changes are notified, so this is for those that were not."""

_DEAF_LOOK = timedelta(seconds=15)  # without a session nobody hears of changes

# A slot of a leader that died earlier is on time, and another within five seconds of the death.
_BEFORE = timedelta(seconds=1.5)
_AFTER = timedelta(seconds=2.5)
_AFTER_SPREAD = 0.5  # seconds, so that not all of the others look at once

# Less than five seconds, with time for a busy machine to answer.
_WATCH_SECONDS = 4.0

# Flows whose runs are started beside each other: many come at the full hour.
_AT_ONCE = 4


class Scheduler:
    """Starts the runs of a database's schedules, together with the schedulers of other workers."""

    def __init__(self, database: Database, session: Session | None) -> None:
        """Starts runs through the pool of `database`; leads, and hears of changes, in `session`."""
        self._database = database
        self._session = session
        self._life = 0
        self._leads = False
        self._stands_by = False
        self._watches = False
        self._changed = asyncio.Event()
        self._trouble: str | None = None
        self._unreadable: set[Schedule] = set()
        if session is not None:
            session.listen(SCHEDULES_CHANNEL, lambda _: self._changed.set())
            session.on_change(self._changed.set)

    @property
    def leads(self) -> bool:
        """Whether it is the leader."""
        return self._leads

    @property
    def stands_by(self) -> bool:
        """Whether it is the deputy."""
        return self._stands_by

    async def run(self) -> None:
        """Start what is due, when it is due, until cancelled."""
        backoff = Backoff(0.2, 2.0)
        while True:
            try:
                await self._keep_time(backoff)
            except (psycopg.Error, OSError) as error:
                pause = backoff.next() if is_transient(error) else LOOK.total_seconds()
                trouble = headline(error)
                if trouble != self._trouble:
                    log.warning("the scheduler cannot work: %s", trouble)
                self._trouble = trouble
            await asyncio.sleep(pause)

    async def _keep_time(self, backoff: Backoff) -> None:
        while True:
            self._changed.clear()
            if self._session is not None and not self._session.connected:
                await self._changed.wait()
                continue
            pause = await self.look()
            backoff.reset()
            self._trouble = None
            await self._sleep(pause.total_seconds())

    async def _sleep(self, seconds: float) -> None:
        """So long, or until a change; a deputy's sleep ends as well when it has become the leader."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._changed.is_set() and (left := until - loop.time()) > 0:
            step = min(left, _WATCH_SECONDS) if self._watches else left
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(step):
                    await self._changed.wait()
                    return
            if step < left and await self.take_over():
                return

    async def take_over(self) -> bool:
        """Lead if nobody does; whether it leads since now. Raises psycopg.Error."""
        assert self._session is not None, "a deputy has one"
        life = self._session.life
        if not await self._session.ask(queries.lead()):
            return False
        if self._session.life == life == self._life:
            await self._become_leader()
        return True

    async def _become_leader(self) -> None:
        assert self._session is not None, "a leader has one"
        self._leads = True
        log.info("leads the schedulers")
        if self._stands_by:
            self._stands_by = False
            await self._session.ask(queries.leave_deputy())

    async def look(self, now: datetime | None = None) -> timedelta:
        """Start what is due at `now` (the database's time unless given); how long nothing comes then.

        Raises psycopg.Error.
        """
        timetable = await self._read()
        began = asyncio.get_running_loop().time()
        if now is None:
            now = timetable.now
        # Computing hundreds of times must not hold up the handlers.
        dues, pause = await asyncio.to_thread(self._plan, timetable, now)
        if not await self._start_all(dues):
            pause = min(pause, _AFTER)
        spent = timedelta(seconds=asyncio.get_running_loop().time() - began)
        return max(pause - spent, timedelta())

    async def _read(self) -> Timetable:
        if self._session is None:
            # A lock would be anybody's, or nobody's for long: all are equal, the primary key decides.
            return await self._database.run(queries.timetable(elect=False))
        if self._session.life != self._life:
            self._leads = self._stands_by = False
        query = queries.timetable(elect=not self._leads, stands_by=self._stands_by)
        timetable = await self._session.ask(query)
        self._life = self._session.life
        if timetable.deputizes:
            self._stands_by = True
        if timetable.leads:
            await self._become_leader()
        # Where there is nothing to start, nobody has to hurry.
        self._watches = self._stands_by and any(one.keeper == "worker" for one in timetable.schedules)
        return timetable

    def _plan(self, timetable: Timetable, now: datetime) -> tuple[list[Due], timedelta]:
        dues: list[Due] = []
        pause = _DEAF_LOOK if self._session is None else LOOK
        for schedule in timetable.schedules:
            try:
                found = self._find(schedule, now, timetable.up_since)
                if found is not None:
                    dues.append(found)
                    if found.more:
                        pause = timedelta()
                pause = min(pause, self._pause(schedule, now))
            except Exception as error:
                # Whatever a text of the table makes of croniter: it must not stop this worker, nor others.
                self._tell_unreadable(schedule, error)
        return dues, pause

    def _find(self, schedule: Schedule, now: datetime, up_since: datetime) -> Due | None:
        """What this scheduler starts of the schedule now."""
        if schedule.keeper == "pg_cron":
            return forgotten(schedule, now, up_since) if self._acts_at_once else None
        return due(schedule, now) if self._acts_at_once or self._is_late(schedule, now) else None

    @property
    def _acts_at_once(self) -> bool:
        return self._leads or self._session is None

    def _is_late(self, schedule: Schedule, now: datetime) -> bool:
        """Whether a slot has come that the leader should have settled by now."""
        first = coming(schedule, now - LOOK)
        return first is not None and first <= now - _AFTER

    def _pause(self, schedule: Schedule, now: datetime) -> timedelta:
        """Until the next moment at which this scheduler has something to do for the schedule."""
        if schedule.keeper == "pg_cron":
            return LOOK
        if self._acts_at_once:
            slot = coming(schedule, now)
            return LOOK if slot is None else slot - now
        slot = coming(schedule, now - _AFTER)
        if slot is None:
            return LOOK
        if now < slot - _BEFORE:
            return slot - _BEFORE - now
        spread = timedelta(seconds=random.uniform(0, _AFTER_SPREAD))  # noqa: S311 - spreads load
        return slot + _AFTER + spread - now

    async def _start_all(self, dues: Sequence[Due]) -> bool:
        """Whether nothing was in the way; raises psycopg.Error if the connection is lost."""
        smooth = True
        for first in range(0, len(dues), _AT_ONCE):
            some = map(self._start, dues[first : first + _AT_ONCE])
            for done in await asyncio.gather(*some, return_exceptions=True):
                if isinstance(done, BaseException):
                    raise done
                smooth = smooth and done
        return smooth

    async def _start(self, due: Due) -> bool:
        """Whether nothing was in the way; raises psycopg.Error only if the connection is lost."""
        slug = due.schedule.flow_slug
        relieves = due.schedule.keeper == "pg_cron"
        query = (
            queries.relieve_pg_cron(due.schedule, due.slots)
            if relieves
            else queries.start_slots(due.schedule, due.slots, due.until)
        )
        try:
            settled = await self._database.run(query)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            log.error("cannot start flow %s by its schedule: %s", slug, headline(error))
            return False
        if relieves and settled:
            log.warning("pg_cron did not start %s by its schedule: workers keep it from now on", slug)
        for slot, run_id in settled:
            about = {
                "pgflow": {"flow": slug, "slot": slot.isoformat(), "run": str(run_id) if run_id else None}
            }
            if run_id is None:
                log.info("left out a slot of %s: a run of its schedule goes on", slug, extra=about)
                continue
            log.info("started %s by its schedule", slug, extra=about)
            telemetry.emit("run.started", {}, {"flow_slug": slug, "run_id": run_id})
        return True

    def _tell_unreadable(self, schedule: Schedule, error: Exception) -> None:
        if schedule not in self._unreadable:
            self._unreadable.add(schedule)
            log.error("flow %s cannot start by itself: %s", schedule.flow_slug, error)
