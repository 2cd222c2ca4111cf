"""Outcomes that the database takes, but not now: a deadlock, a serialization failure, a lock that is held.

That is the trouble of one flow, while the others go on. Its outcomes are sent again until they are recorded
or the tasks are no longer ours, less and less often, and each time is counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import psycopg

from pgflowc_runtime import telemetry
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline

log = logging.getLogger("pgflowc.worker")

_SHORTEST_SECONDS = 0.02
_LONGEST_SECONDS = 5.0
_CONTENTION = ("40001", "40P01", "55P03")


def is_contention(error: BaseException) -> bool:
    """Whether it was others' transactions that were in the way."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _CONTENTION


def tell_retry(flow: str, error: BaseException, *, outcomes: int, attempt: int, delay: float) -> None:
    """Say that outcomes will be sent again in `delay` seconds, after `attempt` attempts."""
    telemetry.emit(
        "outcome.retry",
        {"delay": delay, "outcomes": outcomes, "attempt": attempt},
        {"flow_slug": flow, "error": headline(error)},
    )


class Setbacks:
    """Which flows wait after a setback."""

    def __init__(self, resume: Callable[[], None]) -> None:
        """`resume` is called when a flow has waited long enough."""
        self._resume = resume
        self._backoffs: dict[str, Backoff] = {}
        self._attempts: dict[str, int] = {}
        self._waiting: set[str] = set()

    def waits(self, flow: str) -> bool:
        """Whether it is too early to send outcomes of this flow again."""
        return flow in self._waiting

    def has_met(self, flow: str) -> bool:
        """Whether the last outcomes of this flow were refused."""
        return flow in self._attempts

    def meet(self, flow: str, error: BaseException, outcomes: int) -> None:
        """So many outcomes of this flow were refused for now."""
        delay = self._backoffs.setdefault(flow, Backoff(_SHORTEST_SECONDS, _LONGEST_SECONDS)).next()
        attempt = self._attempts[flow] = self._attempts.get(flow, 0) + 1
        if attempt & (attempt - 1) == 0:  # the first time, then ever more rarely
            log.warning(
                "%d outcomes of flow %s are not recorded yet: %s; attempt %d, the next one in %.2f s",
                outcomes,
                flow,
                headline(error),
                attempt,
                delay,
            )
        tell_retry(flow, error, outcomes=outcomes, attempt=attempt, delay=delay)
        self._waiting.add(flow)
        asyncio.get_running_loop().call_later(delay, self._again, flow)

    def over(self, flow: str) -> None:
        """Outcomes of this flow were recorded."""
        if attempts := self._attempts.pop(flow, 0):
            del self._backoffs[flow]
            log.info("outcomes of flow %s are recorded after %d attempts", flow, attempts + 1)

    def _again(self, flow: str) -> None:
        self._waiting.discard(flow)
        self._resume()
