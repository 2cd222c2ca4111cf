"""The values that `$enum` lists: JSON scalars, each of them once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgflowc_language.payload_types import Enum, JsonScalar
from pgflowc_language.words import quote


@dataclass(frozen=True, slots=True)
class BadValue:
    """The first value that cannot be in the list: its number, from 0, and why."""

    number: int
    message: str
    help: str = ""


def enum_of(values: Iterable[object]) -> Enum | BadValue:
    """The type of these values; 1 and true are two."""
    distinct: dict[tuple[type, JsonScalar], None] = {}
    for number, value in enumerate(values):
        if not isinstance(value, str | int | None):
            return BadValue(number, "a value of '$enum' must be a text, an integer, true, false or null")
        if (type(value), value) in distinct:
            return BadValue(number, f"{quote(str(value))} occurs twice in '$enum'", "remove it")
        distinct[type(value), value] = None
    return Enum(tuple(value for _, value in distinct))
