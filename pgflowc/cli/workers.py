"""`pgflowc workers`: who takes tasks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from pgflowc.cli import run_view
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import connected
from pgflowc_runtime.rows import WorkerInfo

# A group, so that `list` has to be said, as with runs and flows.
app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Who takes tasks."""


@app.command("list")
def list_workers(
    include_stopped: Annotated[
        bool, typer.Option("--all", help="Those that have stopped or died, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """List workers, one line for each queue that they serve, the latest first."""
    with connected(dsn, project_root(project)) as client:
        workers = client.list_workers(include_stopped=include_stopped)
    if as_json:
        typer.echo(run_view.as_json(workers))
    elif workers:
        _show(workers)
    else:
        typer.echo("No workers. Start one: pgflowc run-worker", err=True)


def _show(workers: list[WorkerInfo]) -> None:
    console, now = run_view.console(), datetime.now(UTC)
    width = max(5, *(len(worker.queue_name) for worker in workers))
    console.print(
        Text(
            f"{'WORKER':<36}  {'QUEUE':<{width}}  STATUS      STARTED              HEARTBEAT  NAME",
            style="bold",
        ),
        soft_wrap=True,
    )
    for worker in workers:
        status = _status(worker)
        line = Text(f"{worker.worker_id}  {worker.queue_name:<{width}}  ")
        line.append(f"{status:<10}", style="green" if status == "alive" else "dim")
        ago = f"{run_view.duration(now - worker.last_heartbeat_at)} ago"
        line.append(f"  {worker.started_at.astimezone():%Y-%m-%d %H:%M:%S}  {ago:<9}  {worker.function_name}")
        console.print(line, soft_wrap=True)


def _status(worker: WorkerInfo) -> str:
    if worker.stopped_at is not None:
        return "stopped"
    if not worker.alive:
        return "dead"
    return "alive" if worker.deprecated_at is None else "deprecated"
