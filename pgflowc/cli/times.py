"""Times and durations as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pgflowc.cli.exit import fail


def duration(text: str, option: str) -> timedelta:
    """Seconds, or a number with s, m, h or d, as in specs; exits 2 if it is neither."""
    # Rarely given, and the language of specs takes time to load.
    from pydantic import TypeAdapter, ValidationError

    from pgflowc.spec.duration import Delay
    from pgflowc_language.durations import meant

    written = int(text) if text.isascii() and text.isdigit() else text
    try:
        return timedelta(seconds=TypeAdapter[int](Delay).validate_python(written))
    except ValidationError:
        near = meant(text)
        fail(
            f"{option}: '{text}' is no duration",
            help=f"did you mean {near}?" if near else "for example 90s, 5m, 2h or 30d",
        )


def moment(text: str, option: str) -> datetime:
    """A time in ISO 8601, local unless it says otherwise; exits 2 if it is none."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.astimezone()
    except (ValueError, OverflowError, OSError):
        fail(f"{option}: '{text}' is no time", help="for example 2030-01-31T09:00 or 2030-01-31T09:00+01:00")


def since(text: str, option: str) -> datetime:
    """A time, or how long ago."""
    if text[-1:] in ("s", "m", "h", "d"):
        return datetime.now(UTC) - duration(text, option)
    return moment(text, option)
