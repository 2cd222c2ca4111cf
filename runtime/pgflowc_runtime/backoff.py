"""Delays that grow while something keeps failing, with jitter so that workers do not come back at once."""

from __future__ import annotations

import random


class Backoff:
    """Decorrelated jitter: each delay lies between `shortest` and three times the one before, at most
    `longest`.

    All in seconds. `reset()` after a success.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._last = shortest

    def next(self) -> float:
        """The delay before the next attempt."""
        # Spreads load; nobody gains by predicting it.
        self._last = min(self._longest, random.uniform(self._shortest, self._last * 3))  # noqa: S311
        return self._last

    def reset(self) -> None:
        """Begin with short delays again."""
        self._last = self._shortest
