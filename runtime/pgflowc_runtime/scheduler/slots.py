"""The times of a schedule, as instants: croniter's wall-clock times, put on a time zone's clock.

On the two days of a year on which a clock is changed, a schedule with given hours (`30 2 * * *`) comes once:
a time that the clock leaves out at the moment of the change, one that it shows twice at the first. A schedule
whose hour begins with `*`, or `@hourly`, goes by the hours that pass: nothing for the hour that is left out,
and both of the doubled one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from heapq import heappop, heappush
from itertools import islice
from zoneinfo import ZoneInfo

from pgflowc_language.schedules import normal, number

# A wall clock is turned back by an hour where people live, and by a day where a date line was moved.
_LONGEST_CHANGE = timedelta(hours=25)
_SECOND = timedelta(seconds=1)
# A range that may pass the end of its field: with a step croniter takes one value too far on, and all days
# for those from one number of Sunday to the other.
_RANGE = re.compile(r"(\w+)-(\w+)(?:/(\d+))?")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
# Times are looked for backwards in steps that grow: the last one is mostly near.
_LOOKBACKS = tuple(timedelta(days=days) for days in (1 / 24, 1, 32, 366, 3660))


class UnreadableSchedule(ValueError):  # noqa: N818 - it says what is wrong
    """A schedule or time zone that cannot be read."""


def slots(schedule: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """The schedule's times after that instant, in UTC and in order; ends where no time comes any more.

    `after` has a time zone. Raises UnreadableSchedule, at once and not at the first time.
    """
    zone = _zone(timezone)
    local = after.astimezone(zone).replace(tzinfo=None)
    # A wall clock that was turned back shows once more what it showed before this instant.
    if _changes(zone, after):
        local -= _LONGEST_CHANGE
    walls = _walls(schedule, local)
    follows = _goes_by_hours(schedule)
    return _merged(walls, zone, follows=follows, after=after.astimezone(UTC))


def next_slot(schedule: str, timezone: str, after: datetime) -> datetime | None:
    """The first time after that instant, in UTC; None if none comes."""
    return next(slots(schedule, timezone, after), None)


def slots_until(schedule: str, timezone: str, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The first `limit` times after `after` and up to `until`."""
    found = []
    for slot in islice(slots(schedule, timezone, after), limit):
        if slot > until:
            break
        found.append(slot)
    return found


def last_slot(schedule: str, timezone: str, after: datetime, until: datetime) -> datetime | None:
    """The last time after `after` and up to `until`, if there is one."""
    for lookback in _LOOKBACKS:
        start = max(after, until - lookback)
        last = None
        for slot in slots(schedule, timezone, start):
            if slot > until:
                break
            last = slot
        if last is not None or start == after:
            return last
    return None


def changes_clock(timezone: str, day: datetime) -> timedelta:
    """By how much that zone's clock is put forward (negative: back) on the local day of this instant."""
    zone = _zone(timezone)
    start = day.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=1)
    return (end.utcoffset() or timedelta()) - (start.utcoffset() or timedelta())


def _merged(
    walls: Iterator[datetime], zone: ZoneInfo, *, follows: bool, after: datetime
) -> Iterator[datetime]:
    waiting: list[datetime] = []
    last = after
    for wall in walls:
        # The first instant at which the clock shows this, or would: later walls come later, too.
        first = wall.replace(tzinfo=zone).astimezone(UTC)
        while waiting and waiting[0] <= first:
            slot = heappop(waiting)
            if slot > last:
                last = slot
                yield slot
        for slot in _instants(wall, first, zone, follows=follows):
            heappush(waiting, slot)
    while waiting:
        slot = heappop(waiting)
        if slot > last:
            last = slot
            yield slot


def _instants(wall: datetime, first: datetime, zone: ZoneInfo, *, follows: bool) -> tuple[datetime, ...]:
    """When a schedule fires that says this time of the clock."""
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return (first,)
    if first < second:  # shown twice
        return (first, second) if follows else (first,)
    # Left out: the change is between the two readings.
    return () if follows else (_change_between(second, first, zone),)


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    before = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _changes(zone: ZoneInfo, at: datetime) -> bool:
    """Whether the clock is changed within a day of this instant."""
    offsets = {(at + sign * _LONGEST_CHANGE).astimezone(zone).utcoffset() for sign in (-1, 0, 1)}
    return len(offsets) > 1


def _walls(schedule: str, after: datetime) -> Iterator[datetime]:
    """Times of a clock that is never changed, after that one, without a time zone."""
    # Imported only by who has a schedule: it is slow to import.
    from croniter import CroniterBadDateError, CroniterError, croniter

    try:
        times = croniter(_for_croniter(schedule), after.replace(tzinfo=UTC), ret_type=datetime)
    except (CroniterError, ValueError, KeyError, AttributeError) as error:
        raise UnreadableSchedule(f"'{schedule}' is no schedule: {error}") from None

    def generate() -> Iterator[datetime]:
        try:
            while True:
                yield times.get_next(datetime).replace(tzinfo=None)
        except (CroniterBadDateError, OverflowError, ValueError):  # the last two: after the year 9999
            return

    return generate()


def _for_croniter(schedule: str) -> str:
    """The schedule in words that croniter takes as every cron does."""
    fields = normal(schedule).split()
    if len(fields) != len(_BOUNDS):
        return schedule
    return " ".join(
        ",".join(_listed(part, *bounds) for part in field.split(","))
        for field, bounds in zip(fields, _BOUNDS, strict=True)
    )


def _listed(part: str, first: int, last: int) -> str:
    """The values of a range that passes the end of its field, `20-4/3`: 20, 23, 2."""
    found = _RANGE.fullmatch(part)
    if found is None:
        return part
    low, high, step = number(found[1]), number(found[2]), int(found[3] or 1)
    if low <= high or not step:
        return part
    values = [*range(low, last + 1), *range(first, high + 1)]
    return ",".join(map(str, values[::step]))


def _goes_by_hours(schedule: str) -> bool:
    fields = schedule.split()
    return fields[0] == "@hourly" if len(fields) == 1 else fields[1].startswith("*")


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UnreadableSchedule(
            f"time zone '{name}' is not known on this machine (pip install tzdata brings them all)"
        ) from None
