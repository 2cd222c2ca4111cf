"""Processes for handlers of steps with `isolation: process`.

A handler here may use the CPU without holding up the event loop, and can be killed. One process serves one
call at a time and is kept for the next; there is one for every call at once, so nobody queues. Parent and
child talk over a pipe: the call goes down; log records, a question for the flow's input, and the end come
up. The talking is done in a thread of the caller, who kills the process to end the wait. A second pipe has
the numbers of calls that are to come to an end; a thread of the child listens to it while the handler runs.

A child survives neither its worker (a thread of its own watches for that, so `kill -9` of the worker is seen
as well) nor a kill of what it started: it leads a process group. Signals that reach every process of a
terminal or a systemd unit are the worker's business, so children ignore them.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from typing import Any, Final
from uuid import UUID

from pgflowc_runtime import handler_process
from pgflowc_runtime.handler_process import AskInput, Facts, Returned
from pgflowc_runtime.outcome import Failed

# Processes ready for a call that comes soon cost memory, and more of them than cores run no faster.
SPARE: Final = os.cpu_count() or 1
_EXIT_SECONDS = 5.0

# multiprocessing keeps a list of children that is not made for several threads.
_starting = threading.Lock()


@dataclass(slots=True, eq=False)
class Call:
    """One call of a handler. `begun`, when a process is ready for it, and `load_flow_input` are called in the
    thread that talks to the child.
    """

    handler: Callable[..., Any]
    argument: Any
    facts: Facts
    load_flow_input: Callable[[], Any]
    begun: Callable[[], None] = lambda: None
    _child: _Child | None = None
    _killed: bool = False
    _told: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def kill(self) -> None:
        """End the call, with the process that serves it or would have."""
        with self._lock:
            self._killed = True
            if self._child is not None:
                self._child.kill()

    def tell(self) -> None:
        """Tell the handler to come to an end. Does not wait for it."""
        with self._lock:
            self._told = True
            if self._child is not None:
                self._child.tell(self.facts.number)

    def begin(self, child: _Child) -> None:
        """From now on `kill` kills this child, and `tell` tells it."""
        with self._lock:
            self._child = child
            if self._killed:
                child.kill()
            elif self._told:
                child.tell(self.facts.number)

    def end(self) -> bool:
        """Leave the child alone from now on; False if it was killed."""
        with self._lock:
            self._child = None
            return not self._killed


class Processes:
    """Calls handlers in processes; keeps up to `spare` idle ones."""

    def __init__(self, spare: int = SPARE) -> None:
        self._spare = spare
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._closed = False

    def call(self, call: Call) -> Returned | Failed:
        """How the handler ended. Blocks; never raises."""
        try:
            request = pickle.dumps((call.handler, call.argument, call.facts))
        except Exception as error:
            return Failed(f"the step's payload cannot be sent to a process: {error}", permanent=True)
        try:
            child = self._take()
        except OSError as error:
            return Failed(f"no process could be started: {error}")
        call.begin(child)
        call.begun()
        end: Returned | Failed | None = None
        try:
            end = child.talk(request, call.load_flow_input)
        finally:
            unhurt = call.end()
            self._put_back(child, usable=unhurt and end is not None)
        return end or Failed(child.obituary())

    def warm(self, handlers: Sequence[Callable[..., Any]]) -> None:
        """Have a process that has imported these handlers, so that the first call does not wait for that.

        Blocks; what cannot be imported is the first call's trouble.
        """
        facts = Facts(UUID(int=0), "", "", 0, 1, 1, 0.0, logging.CRITICAL)
        self.call(Call(handler_process.nothing, list(handlers), facts, lambda: None))

    def close(self) -> None:
        """Kill every process."""
        with self._lock:
            self._closed = True
            children = [*self._idle, *self._busy]
            self._idle.clear()
        for child in children:
            child.kill()
        for child in children:
            child.process.join(_EXIT_SECONDS)
        atexit.unregister(self.close)

    def _take(self) -> _Child:
        with self._lock:
            # multiprocessing would wait at exit for children that nobody told to end.
            atexit.unregister(self.close)
            atexit.register(self.close)
            while self._idle and not self._closed:
                child = self._idle.pop()
                if child.process.is_alive():
                    self._busy.add(child)
                    return child
        child = _Child()
        with self._lock:
            if not self._closed:
                self._busy.add(child)
                return child
        child.kill()
        raise OSError("the worker has stopped")

    def _put_back(self, child: _Child, *, usable: bool) -> None:
        with self._lock:
            self._busy.discard(child)
            if usable and not self._closed and len(self._idle) < self._spare:
                self._idle.append(child)
                return
        child.kill()
        child.process.join(_EXIT_SECONDS)


class _Child:
    """A process and the pipes to it."""

    def __init__(self) -> None:
        """Returns when it is ready for a call. OSError if it cannot be started."""
        context = _context()
        self._connection, theirs = context.Pipe()
        told, self._telling = context.Pipe(duplex=False)
        # Not a daemon: those may not have children, and handlers that use the CPU like to.
        self.process = context.Process(  # type: ignore[attr-defined]
            target=handler_process.serve, args=(theirs, told), name="pgflowc-handler", daemon=False
        )
        with _starting:
            self.process.start()
        theirs.close()
        told.close()
        try:
            self._connection.recv_bytes()
        except EOFError:
            raise OSError(self.obituary()) from None

    def talk(self, request: bytes, load_flow_input: Callable[[], Any]) -> Returned | Failed | None:
        """What the child says about this call; None if it died."""
        try:
            self._connection.send_bytes(request)
            while True:
                match pickle.loads(self._connection.recv_bytes()):  # noqa: S301 (our own child's)
                    case logging.LogRecord() as record:
                        _log(record)
                    case AskInput():
                        self._connection.send_bytes(_answer(load_flow_input))
                    case (Returned() | Failed()) as end:
                        return end
        except (EOFError, OSError):
            return None
        except Exception as error:
            # What it returned comes apart here, but not there.
            return Failed(f"invalid output: cannot be sent from its process: {error}", permanent=True)

    def tell(self, number: int) -> None:
        """Tell the handler of this call to come to an end."""
        # A few bytes for each call, and somebody who reads them: this never waits.
        with contextlib.suppress(OSError):  # it has died
            self._telling.send_bytes(number.to_bytes(8))

    def kill(self) -> None:
        """Kill it, and what it has started."""
        if self.process.pid is not None and self.process.is_alive():
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            # In its first moments it has no group of its own.
            self.process.kill()

    def obituary(self) -> str:
        """What it died of."""
        self.process.join(_EXIT_SECONDS)
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"the handler ended its process with exit code {code}"
        name = signal.Signals(-code).name
        hint = " (out of memory, perhaps)" if name == "SIGKILL" else ""
        return f"the handler's process was killed by {name}{hint}"


def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    # Forked from a process that has imported this package and nothing else: ready in 10 ms instead of 300,
    # and without a copy of the worker's threads, locks and connections.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", handler_process.__name__])
    return context


def _log(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _answer(load_flow_input: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps((load_flow_input(), None))
    except Exception as error:
        try:
            return pickle.dumps((None, error))
        except Exception:
            return pickle.dumps((None, RuntimeError(str(error))))
