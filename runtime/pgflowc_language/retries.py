"""Delays before retries: after attempt n comes one of base_delay * 2^n seconds, a PostgreSQL integer."""

from __future__ import annotations

_MAX_INTEGER = 2_147_483_647


def overflows(attempts: int, base_delay: int) -> bool:
    """Whether a delay before one of the attempts would be no integer any more; `base_delay` in seconds."""
    # The last retry follows the last attempt but one; 31 doublings overflow whatever the delay.
    return (
        base_delay > 0 and attempts > 1 and (attempts > 32 or base_delay * 2 ** (attempts - 1) > _MAX_INTEGER)
    )


def overflow(attempts: int) -> str:
    """The message for attempts that do."""
    return f"the delay before attempt {attempts} would be more than 68 years, beyond what PostgreSQL can hold"


def fewer(base_delay: int) -> str:
    """The help for them: how many fit."""
    fitting = 1
    while not overflows(fitting + 1, base_delay):
        fitting += 1
    return f"with a base_delay of {base_delay} s at most {fitting} attempts fit; with 0 retries are immediate"
