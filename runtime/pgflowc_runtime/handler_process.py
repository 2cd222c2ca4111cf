"""The life of a process that executes handlers, and what it and its worker say to each other.

Down come calls, each a pickled handler, its argument and `Facts`; up go log records, `AskInput`, and the end
of the call: `Returned` or `Failed`. `processes` has the worker's side.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

from pgflowc_runtime import outcome
from pgflowc_runtime.context import Context
from pgflowc_runtime.ending import Ending
from pgflowc_runtime.outcome import Failed
from pgflowc_runtime.telemetry import tracing

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Returned:
    """What the handler returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Facts:
    """What the child's context says, the least level of log records that the worker wants, the carrier of the
    attempt's trace, and a number that no other call of this worker has.
    """

    run_id: UUID
    flow_slug: str
    step_slug: str
    task_index: int
    attempt: int
    max_attempts: int
    deadline: float
    log_level: int
    trace_context: str | None = None
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass(frozen=True, slots=True)
class AskInput:
    """The child wants the flow's input."""


def nothing(argument: Any, context: Context[Any]) -> None:
    """A handler to warm up with."""


def serve(connection: Connection, told: Connection) -> None:
    """The life of a child: calls, until the parent closes the pipe."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.setsid()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    pipe, endings = _Pipe(connection), _Endings()
    threading.Thread(target=endings.listen, args=(told,), daemon=True).start()
    try:
        pipe.send(b"ready")
    except OSError:
        return  # the worker has been killed meanwhile
    logging.getLogger().handlers[:] = [_Forward(pipe)]
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            return
        end = _execute(request, pipe, endings)
        try:
            pipe.send(pickle.dumps(end))
        except OSError:
            return
        except Exception as error:
            text = f"invalid output: cannot be sent from its process: {error}"
            pipe.send(pickle.dumps(Failed(text, permanent=True)))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)


def _execute(request: bytes, pipe: _Pipe, endings: _Endings) -> Returned | Failed:
    try:
        handler, argument, facts = pickle.loads(request)  # noqa: S301 (our own parent's)
        logging.getLogger().setLevel(facts.log_level)
        context: Context[Any] = Context(
            run_id=facts.run_id,
            flow_slug=facts.flow_slug,
            step_slug=facts.step_slug,
            task_index=facts.task_index,
            attempt=facts.attempt,
            max_attempts=facts.max_attempts,
            deadline=facts.deadline,
            load_flow_input=pipe.flow_input,
            cancelled=endings.of(facts.number),
        )
        # In a context of its own: the next call's trace is another one.
        return Returned(copy_context().run(_called, handler, argument, context, facts.trace_context))
    except BaseException as error:  # SystemExit ends the task, not the process
        return outcome.from_exception(error)


def _called(handler: Callable[..., Any], argument: Any, context: Context[Any], trace: str | None) -> Any:
    if trace is not None:
        tracing.resume(trace)
    value = handler(argument, context)
    return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value


async def _awaited(value: Any) -> Any:
    return await value


class _Endings:
    """What the parent says of calls that are to come to an end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._ending = Ending()
        self._last_told = 0

    def of(self, number: int) -> Ending:
        """The event of the call that begins now. The parent may have told of it already."""
        with self._lock:
            self._number, self._ending = number, Ending()
            if number == self._last_told:
                self._ending.set()
            return self._ending

    def listen(self, told: Connection) -> None:
        """Listen until the parent closes the pipe."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                number = int.from_bytes(told.recv_bytes())
                with self._lock:
                    self._last_told = number
                    if number == self._number:
                        self._ending.set()


class _Pipe:
    """The child's end: several threads may log at once, one at a time asks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._asking = threading.Lock()

    def send(self, message: bytes) -> None:
        with self._sending:
            self._connection.send_bytes(message)

    async def flow_input(self) -> Any:
        with self._asking:
            self.send(pickle.dumps(AskInput()))
            value, error = pickle.loads(self._connection.recv_bytes())  # noqa: S301
        if error is not None:
            raise error
        return value


class _Forward(logging.Handler):
    """Sends records to the worker, whose log they belong to."""

    def __init__(self, pipe: _Pipe) -> None:
        super().__init__()
        self._pipe = pipe
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.exc_info:
                record.exc_text = self._formatter.formatException(record.exc_info)
            # Arguments and exceptions may be anything; texts can be sent.
            plain = {
                **{name: _plain(value) for name, value in vars(record).items() if name != "pgflow"},
                "msg": record.getMessage(),
                "args": None,
                "exc_info": None,
                "pgflow": {key: _plain(value) for key, value in getattr(record, "pgflow", {}).items()},
            }
            self._pipe.send(pickle.dumps(logging.makeLogRecord(plain)))
        except Exception:
            self.handleError(record)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else str(value)
