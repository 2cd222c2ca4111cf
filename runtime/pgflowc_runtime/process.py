"""A worker as a process of its own: signals in, exit code out.

Exit codes: 0 stopped, all done; 1 crashed (a bug of ours: please report it); 2 could not start, or wrong
usage; 3 stopped, but tasks were still running after the drain time and went back to the queue; 128 + n: the
second signal n ended it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from pgflowc_runtime import systemd, telemetry
from pgflowc_runtime.config import ProcessConfig
from pgflowc_runtime.connection import headline
from pgflowc_runtime.errors import ConfigurationError, PgflowcError
from pgflowc_runtime.health import HealthServer
from pgflowc_runtime.loading import load_registry
from pgflowc_runtime.logging import configure
from pgflowc_runtime.settings import misspelt, resolve
from pgflowc_runtime.worker import Worker

FINE: Final = 0
CRASHED: Final = 1
ENVIRONMENT: Final = 2
GAVE_BACK: Final = 3

_STUBBORN_SECONDS = 1.0
# After the second signal tasks are given back, which takes less than this unless the event loop is blocked.
_AT_ONCE_SECONDS = 10.0
# Time to end for what Python waits for at its exit: threads that handlers have started, hooks of libraries.
_LAST_SECONDS = 10.0

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("pgflowc.worker")


def serve(
    package: str,
    *,
    dsn: str,
    settings: Mapping[str, Any],
    directories: Sequence[Path] = (),
    file: Path | None = None,
) -> int:
    """Run a worker for `package` until a signal ends it; returns the exit code, errors are told on stderr.

    `settings` are what the command line says, `settings.resolve` finds the others; `file` is the project's
    pgflowc.toml. `directories` are searched for the package before sys.path. The process's PGFLOWC_DSN
    becomes `dsn`, so that handlers can use the worker's database. When it has returned the process is to end:
    threads that keep it from that for 10 s are left.
    """
    try:
        config = resolve(settings, environment=os.environ, file=file, defaults={"worker_name": package})
        log_format = config.log_format or ("fancy" if sys.stderr.isatty() else "simple")
        configure(log_format, config.log_level.upper(), worker=config.worker_name)
        for sentence in misspelt(os.environ):
            log.warning(sentence)
        if dsn:
            # Handlers that keep their data in the same database find it where they find it in development.
            os.environ["PGFLOWC_DSN"] = dsn
        registry = load_registry(package, directories, required=not config.patterns)
        registry = registry.serve_patterns(config.patterns)
        if config.flows:
            registry = registry.only(config.flows)
        _attach_telemetry(config)
        return _run(_serve(Worker(registry, dsn=dsn, config=config), config))
    except PgflowcError as error:
        return complain(error)
    except psycopg.errors.InsufficientPrivilege as error:
        message = f"this role may not do what a worker does: {headline(error)}"
        return complain(PgflowcError(message, help="docs/worker.md lists the rights that a worker needs"))
    except psycopg.Error as error:
        return complain(PgflowcError(f"the database refuses: {headline(error)}"))
    except Exception:
        log.critical("the worker crashed; this is a bug of pgflowc", exc_info=True)
        return CRASHED


def complain(error: PgflowcError) -> int:
    """Tell the user in one line, and in another one what mends it."""
    lines = [f"error: {' '.join(str(error).split())}"]
    if error.help:
        lines.append(f" help: {error.help}")
    sys.stderr.write("\n".join(lines) + "\n")
    return ENVIRONMENT


def dsn_from_environment() -> str:
    """The DSN that the environment gives; raises ConfigurationError if it gives none."""
    if dsn := os.environ.get("PGFLOWC_DSN"):
        return dsn
    if any(
        os.environ.get(name)
        for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGPORT", "PGUSER")
    ):
        return ""
    raise ConfigurationError("no database given", help="pass --dsn DSN, or set PGFLOWC_DSN or PGHOST")


def _attach_telemetry(config: ProcessConfig) -> None:
    if config.log_polls:
        telemetry.attach("pgflowc.log_polls", ["poll.stop"], _log_poll)
    if config.telemetry == "opentelemetry":
        try:
            from pgflowc_runtime.telemetry import otel
        except ImportError as error:
            raise ConfigurationError(
                f"telemetry is 'opentelemetry', but {error.name} is not installed",
                help="pip install 'pgflowc[otel]'",
            ) from None
        otel.attach()


def _log_poll(event: str, measurements: Mapping[str, float], metadata: Mapping[str, object]) -> None:
    fields = {"flow": metadata.get("flow_slug"), "tasks": measurements.get("tasks")}
    log.info("polled", extra={"pgflow": {**fields, "ms": round(measurements.get("duration", 0) * 1000)}})


def _run(coroutine: Coroutine[Any, Any, int]) -> int:
    """`asyncio.run`, except that SystemExit and KeyboardInterrupt in a task or callback that a handler has
    made do not end the loop, as asyncio wants it: they are the handler's trouble, not the worker's.
    """
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        main = loop.create_task(coroutine)
        while True:
            try:
                return loop.run_until_complete(main)
            except (SystemExit, KeyboardInterrupt) as error:
                if main.done():
                    raise
                log.error("%r in a task of a handler's own: the worker goes on", error, exc_info=error)


async def _serve(worker: Worker, config: ProcessConfig) -> int:
    with contextlib.ExitStack() as stack:
        received = stack.enter_context(_signals(worker))
        if config.health_port is not None:
            server = HealthServer(worker, host=config.health_host, port=config.health_port)
            stack.enter_context(server)
        try:
            await worker.start()
            # What is there now stays, and need not be looked through again and again: with it, a collection
            # of all garbage holds up every handler for 10 ms and more.
            gc.freeze()
            stack.enter_context(systemd.ready())
            stopped = await worker.run()
        except asyncio.CancelledError:
            return FINE
        code = GAVE_BACK if stopped.given_back else FINE
        if len(received) > 1:
            code = 128 + received[-1]
        await _leave_stubborn_tasks(code)
        timer = threading.Timer(_LAST_SECONDS, _leave_stubborn_threads, [code])
        timer.daemon = True
        timer.start()
        return code


@contextlib.contextmanager
def _signals(worker: Worker) -> Iterator[list[int]]:
    """The signals received. The first stops the worker, the second hurries it, also out of a blocked loop."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    received: list[int] = []

    def stop(number: int) -> None:
        at_once = len(received) > 1
        log.info("%s: %s", signal.Signals(number).name, "stopping at once" if at_once else "stopping")
        systemd.notify("STOPPING=1")
        worker.stop(at_once=at_once)
        if worker.starting and main is not None:
            # There is nothing to drain yet, and the database may be away for long.
            main.cancel()

    def on_signal(number: int) -> None:
        received.append(number)
        loop.call_soon_threadsafe(stop, number)
        if len(received) == 2:
            timer = threading.Timer(_AT_ONCE_SECONDS, _leave, [number])
            timer.daemon = True
            timer.start()

    # Signals are heard by a thread: Python's own handlers wait for the main thread, which may be blocked.
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    threading.Thread(target=_hear, args=(ours, on_signal), name="pgflowc-signals", daemon=True).start()
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
    try:
        yield received
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        pythons.close()


def _hear(sock: socket.socket, on_signal: Callable[[int], None]) -> None:
    with sock:
        while data := sock.recv(16):
            for number in data:
                if number in _SIGNALS:
                    on_signal(number)


def _leave(number: int) -> None:
    log.warning("leaving without giving tasks back: the event loop is blocked")
    logging.shutdown()
    os._exit(128 + number)


async def _leave_stubborn_tasks(code: int) -> None:
    """End here if a handler's coroutine refuses to be cancelled: asyncio would wait for it for ever."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if not others:
        return
    for task in others:
        task.cancel()
    _, pending = await asyncio.wait(others, timeout=_STUBBORN_SECONDS)
    if pending:
        log.warning("%d coroutines refuse to end: leaving without them", len(pending))
        logging.shutdown()
        os._exit(code)


def _leave_stubborn_threads(code: int) -> None:
    """End here if Python waits for threads that do not end: an `asyncio.to_thread` that hangs, say."""
    ours = (threading.main_thread(), threading.current_thread())
    names = [thread.name for thread in threading.enumerate() if thread not in ours and not thread.daemon]
    if names:
        log.warning("threads refuse to end: leaving without %s", ", ".join(names))
        logging.shutdown()
        os._exit(code)
