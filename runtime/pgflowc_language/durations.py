"""Durations: whole seconds, or a text with a unit such as `90s`, `5m`, `2h` or `1d`."""

from __future__ import annotations

import re

MAX_SECONDS = 2_147_483_000
"""Seconds are PostgreSQL integers, and the claim adds 2 to a timeout."""
SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MOST_DIGITS = 10
_PATTERN = re.compile(rf"([0-9]{{1,{MOST_DIGITS}}})([smhd])")


def seconds_of(written: object) -> int | None:
    """The seconds of an integer or a text, within bounds or not; None for what is no duration."""
    if isinstance(written, str):
        found = _PATTERN.fullmatch(written)
        return int(found[1]) * SECONDS_PER_UNIT[found[2]] if found else None
    return written if isinstance(written, int) and not isinstance(written, bool) else None
