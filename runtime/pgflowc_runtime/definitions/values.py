"""The values of definitions as pydantic types: slugs, counts, durations, schedules, time zones.

What is wrong is raised as errors of the kinds that `faults` knows the messages of.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from pgflowc_runtime.definitions.schedule import broken_schedule, broken_timezone

LONGEST_SLUG = 128
LONGEST_FLOW_SLUG = 47
"""What pgmq allows for the name of a queue."""
_SLUG = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MOST = 2**31 - 1
# The claim adds two seconds to a timeout.
_MOST_SECONDS = 2_147_483_000
_DURATION = re.compile(r"([0-9]{1,10})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def broken_rule(slug: str) -> str | None:
    """The rule that `slug` breaks, as the end of a sentence that begins with it; None for a valid slug."""
    if not slug:
        return "is empty"
    if slug == "run":
        return "is a reserved word"
    if len(slug) > LONGEST_SLUG:
        return f"has {len(slug)} characters, and at most {LONGEST_SLUG} are allowed"
    if _SLUG.fullmatch(slug):
        return None
    if slug[0] in "0123456789":
        return "begins with a digit"
    odd = next(character for character in slug if not _SLUG.fullmatch("_" + character))
    return f"holds {'a blank' if odd == ' ' else repr(odd)}"


def _slug(slug: str) -> str:
    if rule := broken_rule(slug):
        raise PydanticCustomError("slug", "no slug", {"rule": rule})
    return slug


def _flow_slug(slug: str) -> str:
    if len(slug) > LONGEST_FLOW_SLUG:
        raise PydanticCustomError("queue_name", "too long", {"length": len(slug)})
    return slug


def _within(value: int, least: int, most: int, unit: str = "") -> int:
    if not least <= value <= most:
        small = value < least
        # "at least 1 second", but "at least 0 seconds".
        unit = " second" if unit and small and least == 1 else unit
        bound = f"at {'least' if small else 'most'} {least if small else most}{unit}"
        raise PydanticCustomError("out_of_range", "out of range", {"bound": bound})
    return value


def _count(value: object) -> object:
    return _within(value, 0, _MOST) if isinstance(value, int) and not isinstance(value, bool) else value


def _duration(value: object, least: int) -> object:
    """Seconds, also of a text with a unit."""
    written = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds: Any = int(written[1]) * _SECONDS[written[2]] if written else value
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise PydanticCustomError("duration", "no duration")
    return _within(seconds, least, _MOST_SECONDS, " seconds")


def _schedule(text: str) -> str:
    if broken := broken_schedule(text):
        raise PydanticCustomError("schedule", "no schedule", {"reason": broken[0], "help": broken[1]})
    return " ".join(text.split())


def _timezone(name: str) -> str:
    if help := broken_timezone(name):
        raise PydanticCustomError("timezone", "no time zone", {"help": help})
    return name


Slug = Annotated[str, AfterValidator(_slug)]
FlowSlug = Annotated[Slug, AfterValidator(_flow_slug)]
Count = Annotated[int, BeforeValidator(_count)]
Delay = Annotated[int, BeforeValidator(lambda value: _duration(value, 0))]
"""Seconds, zero allowed."""
Timeout = Annotated[int, BeforeValidator(lambda value: _duration(value, 1))]
"""Seconds, at least one."""
Schedule = Annotated[str, AfterValidator(_schedule)]
Timezone = Annotated[str, AfterValidator(_timezone)]
