"""Durations: whole seconds, or a text with a unit such as `90s`, `5m`, `2h` or `1d`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# Seconds are PostgreSQL integers; the claim adds 2 to a timeout, and retries multiply delays (see graph/checks).
MAX_SECONDS = 2_147_483_000
_SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PATTERN = re.compile(r"([0-9]{1,10})([smhd])")


def _parse(minimum: int, value: object) -> object:
    seconds = value
    if isinstance(value, str):
        written = _PATTERN.fullmatch(value)
        if written is None:
            raise PydanticCustomError("duration", "not a duration")
        seconds = int(written[1]) * _SECONDS_PER_UNIT[written[2]]
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise PydanticCustomError("duration", "not a duration")
    if not minimum <= seconds <= MAX_SECONDS:
        raise PydanticCustomError(
            "out_of_range", "out of range", {"minimum": minimum, "maximum": MAX_SECONDS, "unit": "seconds"}
        )
    return seconds


def _schema(minimum: int) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": minimum, "maximum": MAX_SECONDS},
                {"type": "string", "pattern": f"^{_PATTERN.pattern}$"},
            ]
        }
    )


Delay = Annotated[int, BeforeValidator(lambda value: _parse(0, value)), _schema(0)]
"""Seconds, zero allowed."""

Timeout = Annotated[int, BeforeValidator(lambda value: _parse(1, value)), _schema(1)]
"""Seconds, at least one."""
