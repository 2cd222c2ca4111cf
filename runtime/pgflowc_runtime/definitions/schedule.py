"""Why a text is no schedule, in the words of the compiler (`pgflowc.spec.cron`, which a test compares)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

from pgflowc_language.words import near_miss

NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")

_FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or jan to dec"),
    ("day of the week", "0 to 7 (0 and 7 are Sunday), or sun to sat"),
)
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DAYS = "sun|mon|tue|wed|thu|fri|sat"
_WEEKDAY = f"(?:0?[0-7]|{_DAYS})"
_VALUES = (
    "[0-5]?[0-9]",
    "(?:[01]?[0-9]|2[0-3])",
    "(?:0?[1-9]|[12][0-9]|3[01])",
    f"(?:0?[1-9]|1[0-2]|{_MONTHS})",
    _WEEKDAY,
)
_EXTRAS = ("", "", "|L", "", rf"|{_WEEKDAY}#[1-5]|L[0-7]")
_STEP = "(?:/(?:0?[1-9]|[1-9][0-9]))?"
_LONGEST = 200
_EVERY = re.compile(r"@every (\d{1,4}) ?(m|min|minutes?|h|hours?)")
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+)")
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


def _grammar(value: str, extra: str) -> re.Pattern[str]:
    part = rf"(?:(?:\*|{value}(?:-{value})?){_STEP}{extra})"
    return re.compile(f"{part}(?:,{part})*", re.IGNORECASE)


_GRAMMAR = tuple(_grammar(*one) for one in zip(_VALUES, _EXTRAS, strict=True))


def broken_schedule(schedule: str) -> tuple[str, str] | None:
    """Why `schedule` is none, and the way out; None for a good one."""
    if schedule.startswith("@"):
        return None if schedule in NAMES else _broken_name(schedule)
    fields = schedule.split()
    if len(schedule) > _LONGEST:
        return (
            f"it has {len(schedule)} characters",
            f"{_LONGEST} are enough; write ranges such as 1-5 for lists",
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


def broken_timezone(timezone: str) -> str | None:
    """The way out if this is no time zone; None if it is one, or where the system knows none at all."""
    known = _known_timezones()
    if timezone == "UTC" or not known or timezone in known:
        return None
    area = timezone.partition("/")[0].lower()
    meant = near_miss(timezone, sorted(name for name in known if name.lower().startswith(area)))
    return f"did you mean '{meant}'?" if meant else "use an IANA name, such as Europe/Berlin or UTC"


@cache
def _known_timezones() -> frozenset[str]:
    """The IANA names that this system knows; finding them walks hundreds of files."""
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def _broken_name(name: str) -> tuple[str, str]:
    if name == "@reboot":
        return "'@reboot' is no time", "start a run where your application starts: pgflowc start FLOW"
    every = _EVERY.fullmatch(name)
    if every:
        number, unit = int(every[1]), every[2][0]
        step = "*" if number == 1 else f"*/{number}"
        cure = f"'{step} * * * *'" if unit == "m" else f"'0 {step} * * *'"
        return f"'{name}' is not known", f"write {cure}"
    meant = near_miss(name, NAMES)
    return (
        f"'{name}' is not known",
        f"did you mean '{meant}'?" if meant else f"the names are {', '.join(NAMES)}",
    )


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
        f"write {fields}, or {', '.join(NAMES[:2])}",
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
