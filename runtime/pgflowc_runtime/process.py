"""A worker as a process of its own: signals in, exit code out.

Exit codes: 0 stopped, all done; 1 crashed (a bug of ours: please report it); 2 could not start, or wrong
usage; 3 stopped, but tasks were still running after the drain time and went back to the queue; 128 + n: the
second signal n ended it at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
from pydantic import ValidationError

from pgflowc_runtime.config import WorkerConfig
from pgflowc_runtime.connection import headline
from pgflowc_runtime.errors import ConfigurationError, PgflowcError
from pgflowc_runtime.loading import load_registry
from pgflowc_runtime.logging import LogFormat, configure
from pgflowc_runtime.worker import Worker

FINE: Final = 0
CRASHED: Final = 1
ENVIRONMENT: Final = 2
GAVE_BACK: Final = 3

_STUBBORN_SECONDS = 1.0

log = logging.getLogger("pgflowc.worker")


def serve(
    package: str,
    *,
    dsn: str,
    settings: dict[str, Any],
    flows: Sequence[str] = (),
    directories: Sequence[Path] = (),
    log_format: LogFormat | None = None,
    log_level: str = "INFO",
) -> int:
    """Run a worker for `package` until a signal ends it; returns the exit code, errors are told on stderr.

    `settings` are fields of WorkerConfig, None meaning the default. `flows` limits what is served.
    `directories` are searched for the package before sys.path. `log_format` defaults to fancy on a terminal,
    else simple. The process's PGFLOWC_DSN becomes `dsn`, so that handlers can use the worker's database.
    """
    configure(log_format or ("fancy" if sys.stderr.isatty() else "simple"), log_level)
    try:
        config = _config(package, settings)
        if dsn:
            # Handlers that keep their data in the same database find it where they find it in development.
            os.environ["PGFLOWC_DSN"] = dsn
        registry = load_registry(package, directories)
        if flows:
            registry = registry.only(tuple(flows))
        return asyncio.run(_serve(Worker(registry, dsn=dsn, config=config)))
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


def _config(package: str, settings: dict[str, Any]) -> WorkerConfig:
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        return WorkerConfig(**{"worker_name": package, **given})
    except ValidationError as error:
        first = error.errors()[0]
        place = (
            "--" + "-".join(str(part) for part in first["loc"]).replace("_", "-")
            if first["loc"]
            else "settings"
        )
        raise ConfigurationError(f"{place}: {first['msg']}") from None


async def _serve(worker: Worker) -> int:
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    received: list[signal.Signals] = []

    def on_signal(number: signal.Signals) -> None:
        received.append(number)
        log.info("%s: %s", number.name, "stopping" if len(received) == 1 else "stopping at once")
        worker.stop(at_once=len(received) > 1)
        if worker.starting and main is not None:
            # There is nothing to drain yet, and the database may be away for long.
            main.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    try:
        stopped = await worker.run()
    except asyncio.CancelledError:
        return FINE
    code = GAVE_BACK if stopped.given_back else FINE
    if len(received) > 1:
        code = 128 + received[-1]
    await _leave_stubborn_tasks(code)
    return code


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
