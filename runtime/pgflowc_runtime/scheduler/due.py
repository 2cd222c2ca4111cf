"""Which slots of a schedule are to be started now. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgflowc_runtime.rows import Schedule
from pgflowc_runtime.scheduler.slots import last_slot, next_slot, slots_until

GRACE = timedelta(minutes=1)
"""A slot that is no later than this is on time: workers are restarted, and one takes over from another."""

PATIENCE = timedelta(seconds=90)
"""A slot of pg_cron's that is so late will not come: it fires within seconds, and makes up for nothing."""

# For such slots: a leader looks once a minute. Of a time without one nothing is made up for.
_LOOKS_BACK = PATIENCE + timedelta(seconds=75)
_MINUTE = timedelta(minutes=1)

BATCH = 100
"""Slots that one transaction starts, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What to start of a schedule; nothing up to `until` is to be started later. `more`: that is not all."""

    schedule: Schedule
    slots: Sequence[datetime]
    until: datetime
    more: bool = False


def due(schedule: Schedule, now: datetime) -> Due | None:
    """What a schedule that workers keep starts now, if anything. Raises UnreadableSchedule."""
    after = schedule.settled_until
    expression, timezone = schedule.schedule, schedule.timezone
    match schedule.catch_up:
        case "last":
            last = last_slot(expression, timezone, after, now)
            found = [] if last is None else [last]
        case "all":
            found = slots_until(expression, timezone, after, now, BATCH)
        case "none":
            found = slots_until(expression, timezone, max(after, now - GRACE), now, BATCH)
    if not found:
        return None
    return Due(schedule=schedule, slots=found, until=found[-1], more=len(found) == BATCH)


def forgotten(schedule: Schedule, now: datetime, up_since: datetime) -> Due | None:
    """What pg_cron should have started of its schedule, and did not: all that is due, if one is so late.

    Not what came before the server was up for a minute, or within one after the schedule was settled: pg_cron
    may not have known it yet. Raises UnreadableSchedule.
    """
    known = schedule.settled_until + timedelta(seconds=59)
    after = max(known, up_since + _MINUTE, now - _LOOKS_BACK)
    found = slots_until(schedule.schedule, schedule.timezone, after, now, BATCH)
    if not found or found[0] > now - PATIENCE:
        return None
    return Due(schedule=schedule, slots=found, until=found[-1])


def coming(schedule: Schedule, after: datetime) -> datetime | None:
    """The next slot after that instant that is not settled. Raises UnreadableSchedule."""
    return next_slot(schedule.schedule, schedule.timezone, max(after, schedule.settled_until))
