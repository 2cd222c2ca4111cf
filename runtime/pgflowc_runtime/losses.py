"""Attempts that lost the connection of their transaction: that is nobody's fault, so they do not count. But
if it is lost again and again (a pooler closes it when it is silent, say, or the handler does), that is to be
counted, and to end.
"""

from __future__ import annotations

from pgflowc_runtime.delivery import Held, identity
from pgflowc_runtime.rows import ClaimedTask

# A server that restarts, or fails over, costs an attempt its connection once or twice.
_PARDONED = 5
# Of tasks that others take over nothing is heard any more; what is remembered of them goes some time.
_MOST_REMEMBERED = 1_000


class Losses:
    """How often the same attempt has lost its transaction here."""

    def __init__(self) -> None:
        self._times: dict[Held, int] = {}

    def pardon(self, task: ClaimedTask) -> bool:
        """The attempt has lost its transaction: whether it may go back once more without being counted."""
        attempt = identity(task)
        times = self._times.pop(attempt, 0) + 1
        if times > _PARDONED:
            return False
        self._times[attempt] = times  # the latest one is last
        if len(self._times) > _MOST_REMEMBERED:
            del self._times[next(iter(self._times))]
        return True

    def over(self, task: ClaimedTask) -> None:
        """The attempt has an outcome."""
        if self._times:
            self._times.pop(identity(task), None)
