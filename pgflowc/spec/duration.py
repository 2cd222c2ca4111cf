"""Durations as values of specs, and their JSON Schema."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from pgflowc_language.durations import MAX_SECONDS, MOST_DIGITS, SECONDS_PER_UNIT, seconds_of


def out_of_range(value: int, minimum: int, maximum: int, unit: str) -> PydanticCustomError:
    """The error for a number beyond its bounds, with the bound that it breaks."""
    too_small = value < minimum
    context = {"too_small": too_small, "bound": minimum if too_small else maximum, "unit": unit}
    return PydanticCustomError("out_of_range", "out of range", context)


def _parse(minimum: int, value: object) -> object:
    seconds = seconds_of(value)
    if seconds is None:
        raise PydanticCustomError("duration", "not a duration")
    if not minimum <= seconds <= MAX_SECONDS:
        raise out_of_range(seconds, minimum, MAX_SECONDS, " second" if seconds < minimum == 1 else " seconds")
    return seconds


def _schema(minimum: int) -> WithJsonSchema:
    units = "|".join(f"{_at_most(MAX_SECONDS // factor)}{unit}" for unit, factor in SECONDS_PER_UNIT.items())
    least = "(?!0+[smhd])" if minimum else ""
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": minimum, "maximum": MAX_SECONDS},
                {"type": "string", "pattern": f"^{least}(?:{units})$"},
            ]
        }
    )


def _at_most(greatest: int) -> str:
    """The pattern of the numbers up to one, with zeros before them to the length that durations may have."""
    digits = str(greatest)
    ways = [f"[0-9]{{1,{len(digits) - 1}}}", digits]
    for place, digit in enumerate(digits):
        if digit != "0":
            less = "0" if digit == "1" else f"[0-{int(digit) - 1}]"
            ways.append(f"{digits[:place]}{less}[0-9]{{{len(digits) - place - 1}}}")
    return f"0{{0,{MOST_DIGITS - len(digits)}}}(?:{'|'.join(ways)})"


Delay = Annotated[int, BeforeValidator(lambda value: _parse(0, value)), _schema(0)]
"""Seconds, zero allowed."""

Timeout = Annotated[int, BeforeValidator(lambda value: _parse(1, value)), _schema(1)]
"""Seconds, at least one."""
