"""The values of definitions as pydantic types: slugs, counts, durations, schedules, time zones.

What is wrong is raised as errors of the kinds that `faults` knows the messages of.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from pgflowc_language.durations import MAX_SECONDS, seconds_of
from pgflowc_language.schedules import broken_schedule, broken_timezone, meant_timezone, normal
from pgflowc_language.slugs import MAX_FLOW_LENGTH, broken_rule

_MOST = 2**31 - 1


def _slug(slug: str) -> str:
    if rule := broken_rule(slug):
        raise PydanticCustomError("slug", "no slug", {"rule": rule})
    return slug


def _flow_slug(slug: str) -> str:
    if len(slug) > MAX_FLOW_LENGTH:
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
    seconds = seconds_of(value)
    if seconds is None:
        raise PydanticCustomError("duration", "no duration")
    return _within(seconds, least, MAX_SECONDS, " seconds")


def _schedule(text: str) -> str:
    if broken := broken_schedule(text):
        raise PydanticCustomError("schedule", "no schedule", {"reason": broken[0], "help": broken[1]})
    return normal(text)


def _timezone(name: str) -> str:
    if broken_timezone(name):
        raise PydanticCustomError("timezone", "no time zone", {"help": meant_timezone(name)})
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
