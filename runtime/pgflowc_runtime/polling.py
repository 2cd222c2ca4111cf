"""When a client that waits for a run looks again."""

from __future__ import annotations

from collections.abc import Iterator

# Short runs end within the first few looks; a long one costs a look each second.
_FIRST_SECONDS = 0.01
_LONGEST_SECONDS = 1.0
_GROWTH = 1.5


def pauses(longest: float = _LONGEST_SECONDS) -> Iterator[float]:
    """Seconds between looks, growing; never ends."""
    pause = _FIRST_SECONDS
    while True:
        yield pause
        pause = min(pause * _GROWTH, longest)
