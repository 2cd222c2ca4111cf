"""Schedules and time zones as values of specs: their JSON Schema, and what pg_cron makes of them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from pgflowc_language.schedules import (
    LONGEST,
    NAMES,
    broken_schedule,
    broken_timezone,
    normal,
    number,
    pattern,
)

_VALUE = r"(?:[0-9]{1,2}|[A-Za-z]{3})"
_PLAIN = re.compile(rf"(?:\*(?:/[0-9]+)?|{_VALUE}(?:-{_VALUE}(?:/[0-9]+)?)?)")


def beyond_pg_cron(schedule: str) -> str | None:
    """The first part of a good schedule that pg_cron does not understand; None when it does all."""
    if schedule.startswith("@"):
        return None
    days = schedule.split()[2::2]
    for one, other in (days, days[::-1]):
        # Workers start a run when either fits. pg_cron wants both to fit if one begins with a star.
        if "*" in one and "*" not in (one, other):
            return one
    for part in (part for field in schedule.split() for part in field.split(",")):
        bounds = part.split("/")[0].split("-")
        is_plain = _PLAIN.fullmatch(part) is not None
        # pg_cron takes numbers or names for the ends of a range, and none that passes the end of its field.
        mixed = len({end.isdecimal() for end in bounds}) > 1
        if not is_plain or mixed or (len(bounds) == 2 and number(bounds[0]) > number(bounds[1])):
            return part
    return None


def _check_schedule(schedule: str) -> str:
    broken = broken_schedule(schedule)
    if broken is not None:
        raise PydanticCustomError("schedule", "not a schedule", {"reason": broken[0], "help": broken[1]})
    return normal(schedule)


def _check_timezone(timezone: str) -> str:
    if broken_timezone(timezone):
        raise PydanticCustomError("timezone", "not a time zone")
    return timezone


SCHEDULE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"enum": list(NAMES)},
        {
            "type": "string",
            "pattern": pattern(),
            "maxLength": LONGEST,
        },
    ]
}
Schedule = Annotated[str, AfterValidator(_check_schedule), WithJsonSchema(SCHEDULE_SCHEMA)]
"""Five fields or one of NAMES."""

Timezone = Annotated[str, AfterValidator(_check_timezone), WithJsonSchema({"type": "string", "minLength": 1})]
"""An IANA time zone."""
