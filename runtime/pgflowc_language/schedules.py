"""Schedules: five fields as crontabs have them, or a name such as `@hourly`; and the time zones of both.

The grammar here is what a worker's scheduler and, but for a few extras, pg_cron understand. croniter, with
which a worker computes the next time, has the last word; it is imported only where a schedule is met.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

from pgflowc_language.words import did_you_mean, near_miss

NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
UTC_NAMES = frozenset({"UTC", "GMT", "Etc/UTC", "Etc/GMT"})
"""Time zones in which pg_cron's own clock runs unless the server is told otherwise."""

_FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or jan to dec"),
    ("day of the week", "0 to 7 (0 and 7 are Sunday), or sun to sat"),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def _any_case(words: tuple[str, ...]) -> str:
    return "|".join("".join(f"[{letter.upper()}{letter}]" for letter in word) for word in words)


_VALUES = (
    "[0-5]?[0-9]",
    "(?:[01]?[0-9]|2[0-3])",
    "(?:0?[1-9]|[12][0-9]|3[01])",
    f"(?:0?[1-9]|1[0-2]|{_any_case(_MONTHS)})",
    f"(?:0?[0-7]|{_any_case(_DAYS)})",
)
_STEP = "(?:/(?:0?[1-9]|[1-9][0-9]))?"
# Day L of the month, the second Friday (5#2) and the last one (L5): croniter's, unknown to pg_cron.
_EXTRAS = ("", "", "|[Ll]", "", rf"|{_VALUES[4]}#[1-5]|[Ll][0-7]")


def _field(value: str, extra: str) -> str:
    part = rf"(?:(?:\*|{value}(?:-{value})?){_STEP}{extra})"
    return f"{part}(?:,{part})*"


_FIELD_PATTERNS = tuple(_field(*one) for one in zip(_VALUES, _EXTRAS, strict=True))
_GRAMMAR = tuple(map(re.compile, _FIELD_PATTERNS))
LONGEST = 200
"""Characters."""
_EVERY = re.compile(r"@every (\d{1,4}) ?(m|min|minutes?|h|hours?)")
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+)")
# Schedules are compared with no clock: any start does to find out whether a time ever comes.
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


def broken_schedule(schedule: str) -> tuple[str, str] | None:
    """Why `schedule` is none, and the way out; None for a good one."""
    if schedule.startswith("@"):
        return None if schedule in NAMES else _broken_name(schedule)
    fields = schedule.split()
    if len(schedule) > LONGEST:
        return (
            f"it has {len(schedule)} characters",
            f"{LONGEST} are enough; write ranges such as 1-5 for lists",
        )
    if len(fields) != len(_FIELDS):
        return _broken_count(fields)
    if not schedule.isascii():
        return "it may hold ASCII characters only", "type the fields anew: minute hour day month weekday"
    for place, field in enumerate(fields):
        alone = ["*"] * len(_FIELDS)
        alone[place] = field
        if not _GRAMMAR[place].fullmatch(field) or not _accepts(" ".join(alone)):
            name, values = _FIELDS[place]
            meant = _meant(place, field)
            return (
                f"its {name} is '{field}'",
                f"write '{meant}'" if meant else f"the {name} is {values}; also *, a-b, */n and lists a,b",
            )
    if fields[2] != "*" and re.search("[#Ll]", fields[4]):
        # croniter takes one for both, or finds no day at all.
        return (
            f"its day of the month is '{fields[2]}', beside '{fields[4]}'",
            "leave the day of the month '*' where the day of the week is the nth or the last one",
        )
    if not _ever_comes(" ".join(fields)):
        return "that day never comes", "check the day against the month"
    return None


def normal(schedule: str) -> str:
    """A good schedule with one blank between its fields, and no range of one value: croniter takes that for
    all values, and every cron for the one.
    """
    return " ".join(",".join(map(_single, field.split(","))) for field in schedule.split())


def pattern() -> str:
    """The regular expression of good fields: the nth or last day of the week stands beside no day of the
    month.
    """
    minute, hour, day, month, weekday = _FIELD_PATTERNS
    plain = _field(_VALUES[4], "")
    return rf"^\s*{minute}\s+{hour}\s+(?:{day}\s+{month}\s+{plain}|\*\s+{month}\s+{weekday})\s*$"


def broken_timezone(timezone: str) -> bool:
    """Whether this is no time zone; false as well where the system knows none at all."""
    if timezone in UTC_NAMES:
        return False
    known = known_timezones()
    return bool(known) and timezone not in known


@cache
def known_timezones() -> frozenset[str]:
    """The IANA names that this system knows; finding them walks hundreds of files."""
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def meant_timezone(written: str) -> str:
    """The help for what is no time zone: the one whose name or city it looks like."""
    known = sorted(known_timezones())
    cities = {name.rpartition("/")[2]: name for name in reversed(known)}
    meant = near_miss(written, known)
    if meant is None or meant.lower() != written.lower():
        city = near_miss(written.rpartition("/")[2].replace(" ", "_"), cities)
        meant = meant if meant and city not in cities else cities.get(city or "", meant)
    return f"did you mean '{meant}'?" if meant else "use an IANA name, such as Europe/Berlin or UTC"


def _broken_name(name: str) -> tuple[str, str]:
    if name == "@reboot":
        return "'@reboot' is no time", "start a run where your application starts: pgflowc start FLOW"
    every = _EVERY.fullmatch(name)
    if every:
        number, unit = int(every[1]), every[2][0]
        step = "*" if number == 1 else f"*/{number}"
        return (
            f"'{name}' is not known",
            f"write '{step} * * * *'" if unit == "m" else f"write '0 {step} * * *'",
        )
    return f"'{name}' is not known", did_you_mean(name, NAMES) or f"the names are {', '.join(NAMES)}"


def _meant(place: int, field: str) -> str | None:
    """The field as it is written here: other crons have `?` for any day, `$` for the last, and long names."""
    meant = re.sub("[A-Za-z]{4,}", lambda word: word[0][:3].lower(), field)
    meant = meant.replace("?", "*").replace("$", "L")
    return meant if meant != field and _GRAMMAR[place].fullmatch(meant) else None


def _broken_count(written: list[str]) -> tuple[str, str]:
    fields = "minute hour day-of-month month day-of-week, such as '0 9 * * mon'"
    number = len(written)
    if written and (zone := _ZONE.fullmatch(written[0])):
        return f"'{written[0]}' is no field", f"write the time zone beside the schedule: timezone: {zone[1]}"
    if number == 2 and written[1].lower() in ("second", "seconds"):
        return "it has seconds", f"a minute is the shortest time between two runs; write {fields}"
    if number == 6:
        return "it has 6 fields, not 5", f"seconds and years have no field; write {fields}"
    return (
        f"it has {number} field{'' if number == 1 else 's'}, not 5",
        did_you_mean(" ".join(written), NAMES) or f"write {fields}, or {', '.join(NAMES[:2])}",
    )


def _accepts(schedule: str) -> bool:
    from croniter import croniter

    return croniter.is_valid(schedule)


def _ever_comes(schedule: str) -> bool:
    from croniter import CroniterBadDateError, croniter

    try:
        croniter(schedule, _SOME_DAY).get_next(datetime)
    except CroniterBadDateError:
        return False
    return True


def _single(part: str) -> str:
    """The value of a range that ends where it begins, any other part as it is."""
    low, dash, high = part.partition("/")[0].partition("-")
    return low if dash and number(low) == number(high) else part


def number(value: str) -> int:
    """The number of a value, of `feb` and `mon` as well. Raises ValueError if it is none."""
    for words, first in ((_MONTHS, 1), (_DAYS, 0)):
        if value.lower() in words:
            return words.index(value.lower()) + first
    if not value.isdecimal():
        raise ValueError(f"'{value}' is no value of a schedule")
    return int(value)
