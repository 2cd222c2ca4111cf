"""How a handler waits for its signal: in place for a moment, then without a worker.

A wait that is not over in its place leaves the handler by `ParkTask`, which becomes the outcome `Parked`: the
task waits in the database and its slot is free. When the signal comes or the deadline passes, the handler is
called again from its beginning, and the same wait returns or raises at once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Literal
from uuid import UUID

import psycopg

from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.errors import SchemaError, SignalTimeout
from pgflowc_runtime.queries.signals import consume_task_signal
from pgflowc_runtime.rows import Awaited, ClaimedTask
from pgflowc_runtime.versions import MIGRATE

Span = float | timedelta | str
"""Seconds, a timedelta, or a text such as `90s`, `5m`, `2h`, `1d`."""

Delivery = Literal["delivered", "buffered", "ignored"]
"""What became of a signal: a task that waited has it, or an approval is completed; it is kept for the wait
that comes; or nothing, since the run, step or task is over.
"""

_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# What timestamps of the database can be added to.
_LONGEST_SECONDS = 100 * 366 * 86400.0

# Notifications say at once that a signal has come; where there are none, this does.
_POLLS_SECONDS = (0.1, 1.0)
# How seldom to look while notifications arrive.
_LISTENING_SECONDS = 5.0
# So much of a handler's time is left when it gives up its wait, to leave in order.
_LEAVE_SECONDS = 0.5

_Key = tuple[UUID, str, int]


class ParkTask(BaseException):
    """Leaves a handler whose task is to wait without a worker. Not an error, so `except Exception` lets it
    pass; a handler must not stop it.
    """


def is_parking(error: BaseException) -> bool:
    """Whether this, which left a handler, parks its task; a group does if nothing else is in it."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_parking(each) for each in error.exceptions)
    return isinstance(error, ParkTask)


def seconds_of(span: Span | None, name: str) -> float | None:
    """Its seconds; ValueError, which begins with `name`, if it is negative, too long, or no span."""
    if span is None:
        return None
    if isinstance(span, str):
        found = _SPAN.fullmatch(span.strip())
        if found is None:
            raise ValueError(f"{name} is {span!r}: write seconds, or a text such as '90s', '5m', '2h', '1d'")
        seconds = float(found[1]) * _UNITS[found[2]]
    else:
        seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise ValueError(f"{name} is {seconds:g} s: from 0 s to 100 years")
    return seconds


class Waits:
    """The waits of a worker's handlers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[_Key, asyncio.Event] = {}
        self._listening: Callable[[], bool] = _never
        self.in_place = True
        """Whether a handler waits in its place at all before its task is parked."""

    def listen(self, listening: Callable[[], bool]) -> None:
        """`heard` will be told of signals, while `listening()`; when that changes, call `look_again`."""
        self._listening = listening

    def look_again(self) -> None:
        """Notifications may have been missed, or will be."""
        for event in self._waiting.values():
            event.set()

    def heard(self, payload: str) -> None:
        """A notification: `signal RUN INDEX STEP`. Others are none of ours."""
        word, _, rest = payload.partition(" ")
        parts = rest.split(" ", 2)
        if word == "signal" and len(parts) == 3:
            event = self._waiting.get((UUID(parts[0]), parts[2], int(parts[1])))
            if event is not None:
                event.set()

    async def wait(
        self, task: ClaimedTask, wait_for: float | None, patience: float, stopping: asyncio.Event
    ) -> str:
        """The JSON text of the task's signal, which is waited for in place for `patience` seconds.

        Raises SignalTimeout, ParkTask, and SchemaError where tasks cannot wait.
        """
        key = (task.run_id, task.step_slug, task.task_index)
        event = self._waiting.setdefault(key, asyncio.Event())
        over = asyncio.ensure_future(stopping.wait())
        now = asyncio.get_running_loop().time
        end = now() + (patience if self.in_place else 0.0)
        backoff = Backoff(*_POLLS_SECONDS)
        try:
            while True:
                event.clear()
                found = await self._look(task, wait_for)
                if found.status == "received":
                    return found.payload
                if found.status == "expired":
                    raise SignalTimeout(
                        f"no signal has come for {task}", help="its wait began in an earlier attempt, maybe"
                    )
                left = end - now()
                if found.status == "over" or left <= 0 or stopping.is_set():
                    raise ParkTask
                if found.seconds_left is not None:
                    left = min(left, found.seconds_left + 0.001)
                pause = _LISTENING_SECONDS if self._listening() else backoff.next()
                come = asyncio.ensure_future(event.wait())
                try:
                    await asyncio.wait(
                        {come, over},
                        timeout=min(left, pause),
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                finally:
                    come.cancel()
        finally:
            over.cancel()
            self._waiting.pop(key, None)

    async def _look(self, task: ClaimedTask, wait_for: float | None) -> Awaited:
        query = consume_task_signal(task, wait_for)
        try:
            return await self._database.insist(query, what=f"signal of {task}")
        except (
            psycopg.errors.FeatureNotSupported,
            psycopg.errors.UndefinedFunction,
            psycopg.errors.InvalidSchemaName,
        ) as error:
            raise SchemaError(
                f"no task can wait for a signal here: {headline(error)}", help=MIGRATE
            ) from None


def _never() -> bool:
    return False


def patience_of(wait_timeout: Span, seconds_to_deadline: float | None) -> float:
    """How long to wait in place: not beyond the handler's own time."""
    patience = seconds_of(wait_timeout, "wait_timeout") or 0.0
    if seconds_to_deadline is not None:
        patience = min(patience, seconds_to_deadline - _LEAVE_SECONDS)
    return max(0.0, patience)
