"""Durations: whole seconds, or a text with a unit such as `90s`, `5m`, `2h` or `1d`."""

from __future__ import annotations

import re

MAX_SECONDS = 2_147_483_000
"""Seconds are PostgreSQL integers, and the claim adds 2 to a timeout."""
SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MOST_DIGITS = 10
_PATTERN = re.compile(rf"([0-9]{{1,{MOST_DIGITS}}})([smhd])")
# What people write instead.
_LOOSE = re.compile(
    r"(?:(\d{1,6}) ?d(?:ays?)?)? ?(?:(\d{1,6}) ?h(?:rs?|ours?)?)? ?"
    r"(?:(\d{1,6}) ?m(?:ins?|inutes?)?)? ?(?:(\d{1,9}) ?s?(?:ecs?|econds?)?)?"
)
FORMS = "durations are whole seconds, or a whole number with one unit: 90s, 5m, 2h, 1d"


def seconds_of(written: object) -> int | None:
    """The seconds of an integer or a text, within bounds or not; None for what is no duration."""
    if isinstance(written, str):
        found = _PATTERN.fullmatch(written)
        return int(found[1]) * SECONDS_PER_UNIT[found[2]] if found else None
    return written if isinstance(written, int) and not isinstance(written, bool) else None


def meant(written: object) -> str | None:
    """The duration that a text such as `1h30m` or `5 minutes` means; None when that is not clear."""
    found = _LOOSE.fullmatch(written.strip().lower()) if isinstance(written, str) else None
    if found is None or not any(found.groups()):
        return None
    parts = zip(found.groups(), reversed(SECONDS_PER_UNIT.values()), strict=True)
    seconds = sum(int(number) * factor for number, factor in parts if number)
    for unit, factor in reversed(SECONDS_PER_UNIT.items()):
        if seconds % factor == 0 and seconds:
            return str(seconds) if unit == "s" else f"{seconds // factor}{unit}"
    return None


def short(seconds: int) -> str:
    """A duration as the language writes it, in the largest unit that leaves a whole number."""
    unit, factor = next(
        (unit, factor) for unit, factor in reversed(SECONDS_PER_UNIT.items()) if seconds % factor == 0
    )
    return f"{seconds // factor}{unit}"
