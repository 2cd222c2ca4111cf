"""`pgflowc runs`: list runs, and look into one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from pgflowc.cli import run_view
from pgflowc.cli.exit import fail
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import connected
from pgflowc_runtime.run_faults import flow_not_found

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Status(StrEnum):
    """The statuses of runs."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


@app.command("list")
def list_runs(
    flow: Annotated[
        str | None, typer.Option("--flow", metavar="SLUG", help="Only runs of this flow.")
    ] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only runs of this status.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="At most so many.")
    ] = 20,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """List runs, the latest first."""
    with connected(dsn, project_root(project)) as client:
        if flow is not None and not client.flow_exists(flow):
            raise flow_not_found(flow, [known.slug for known in client.list_flows()])
        runs = client.list_runs(flow, status=None if status is None else status.value, limit=limit)
    if as_json:
        typer.echo(run_view.as_json(runs))
    elif runs:
        run_view.show_list(runs)
    else:
        typer.echo("No runs. Start one: pgflowc start FLOW --input JSON", err=True)


@app.command("show")
def show_run(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Show a run and its steps: status, attempts, durations."""
    try:
        wanted = UUID(run_id)
    except ValueError:
        fail(f"'{run_id}' is not a run id", help="`pgflowc runs list` shows the latest ones")
    with connected(dsn, project_root(project)) as client:
        state = client.get_run_with_states(wanted)
    if as_json:
        typer.echo(run_view.as_json(state))
    else:
        run_view.show(state)
