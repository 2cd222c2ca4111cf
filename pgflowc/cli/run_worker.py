"""`pgflowc run-worker`: find the project's package and database, then run the runtime's worker."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.cli.exit import fail
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import resolved_dsn
from pgflowc.diagnostics import Report
from pgflowc.project import CONFIG, load_project


class Signal(StrEnum):
    """How an idle worker learns of work."""

    NOTIFY = "notify"
    POLLING = "polling"


class LogFormat(StrEnum):
    """The forms of the log."""

    SIMPLE = "simple"
    JSON = "json"
    FANCY = "fancy"


class LogLevel(StrEnum):
    """The least severe records shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def run_worker(
    package: Annotated[
        str | None, typer.Argument(metavar="[PACKAGE]", help="Default: the package of pgflowc.toml.")
    ] = None,
    project: ProjectOption = None,
    dsn: DsnOption = None,
    flow: Annotated[
        list[str] | None, typer.Option("--flow", metavar="SLUG", help="Serve only this flow; repeatable.")
    ] = None,
    max_concurrency: Annotated[
        int | None, typer.Option(metavar="N", help="Handlers running at once. [default: 10]")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Tasks per claim, at most. [default: 10]")
    ] = None,
    signal: Annotated[
        Signal | None, typer.Option(help="How an idle worker learns of work. [default: notify]")
    ] = None,
    drain_timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds for running handlers at the end. [default: 30]")
    ] = None,
    startup_timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds to wait for the database. [default: 30]")
    ] = None,
    heartbeat_interval: Annotated[
        int | None, typer.Option(metavar="MS", help="Milliseconds between heartbeats. [default: 5000]")
    ] = None,
    worker_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name in logs and pgflow.workers. [default: PACKAGE]")
    ] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="Form of the log. [default: fancy on a terminal, else simple]")
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="Least severe records shown.")] = LogLevel.INFO,
) -> None:
    """Execute the handlers of this project until SIGTERM or SIGINT.

    Exit codes: 0 stopped, 1 crashed, 2 could not start, 3 stopped with unfinished tasks given back to the
    queue.
    """
    from pgflowc_runtime.process import serve

    root = project_root(project)
    name, directories = _package(package, root, required=project is not None)
    code = serve(
        name,
        dsn=resolved_dsn(dsn, root),
        flows=flow or (),
        directories=directories,
        log_format=None if log_format is None else log_format.value,
        log_level=log_level.value.upper(),
        settings={
            "max_concurrency": max_concurrency,
            "batch_size": batch_size,
            "signal": None if signal is None else signal.value,
            "drain_timeout": drain_timeout,
            "startup_timeout": startup_timeout,
            "heartbeat_interval": heartbeat_interval,
            "worker_name": worker_name,
        },
    )
    raise typer.Exit(code)


def _package(package: str | None, root: Path, *, required: bool) -> tuple[str, list[Path]]:
    """The package to serve, and where to look for it before sys.path."""
    if package is not None and not required and not (root / CONFIG).is_file():
        return package, [Path.cwd()]
    report = Report()
    loaded = load_project(root, report)
    if loaded is None:
        first = report.sorted()[0]
        fail(first.message, help=first.help[0] if first.help else "run `pgflowc validate` to see where")
    name = package or loaded.package
    if name is None:
        fail(f"{CONFIG} names no package", help=f'add the line package = "shop" to {root / CONFIG}')
    return name, [loaded.source_dir, Path.cwd()]
