"""`pgflowc flows`: the flows and jobs in the database."""

from __future__ import annotations

from typing import Annotated

import typer

from pgflowc.cli import flow_view, run_view
from pgflowc.cli.confirm import confirm
from pgflowc.cli.held import tell
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import connected

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
FlowArgument = Annotated[str, typer.Argument(metavar="FLOW", help="Slug of a flow or job.")]


@app.command("list")
def list_flows(as_json: JsonOption = False, project: ProjectOption = None, dsn: DsnOption = None) -> None:
    """List flows and jobs by slug."""
    with connected(dsn, project_root(project)) as client:
        flows = client.list_flows()
    if as_json:
        typer.echo(run_view.as_json(flows))
    elif flows:
        flow_view.show_list(flows)
    else:
        typer.echo("No flows. Apply a project's migrations: pgflowc db up", err=True)


@app.command("show")
def show_flow(
    flow: FlowArgument, as_json: JsonOption = False, project: ProjectOption = None, dsn: DsnOption = None
) -> None:
    """Show a flow as the database defines it: steps, dependencies, options, conditions, signals."""
    with connected(dsn, project_root(project)) as client:
        found = client.get_flow(flow)
    if as_json:
        typer.echo(run_view.as_json(found))
    else:
        flow_view.show(found)


@app.command("pause")
def pause(
    flow: FlowArgument,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why, for who looks at the list of flows.")
    ] = None,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Let no worker take tasks of a flow, until it is resumed. What is running goes on.

    Runs start, also by a schedule, and their tasks wait: `pgflowc cron pause` keeps them from starting.
    Example: pgflowc flows pause process_order --reason "the gateway is down"
    Exit codes: 0 paused, 1 it was paused already.
    """
    with connected(dsn, project_root(project)) as client:
        done = client.pause_queue(flow, reason=reason)
    tell(flow, done, "paused", "was paused already", as_json)


@app.command("resume")
def resume(
    flow: FlowArgument, as_json: JsonOption = False, project: ProjectOption = None, dsn: DsnOption = None
) -> None:
    """Let workers take the tasks of a paused flow again.

    Exit codes: 0 resumed, 1 it was not paused.
    """
    with connected(dsn, project_root(project)) as client:
        done = client.resume_queue(flow)
    tell(flow, done, "resumed", "was not paused", as_json)


@app.command("delete")
def delete_flow(
    flow: FlowArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Delete a flow, its schedule, its queue and all its runs. There is no way back."""
    with connected(dsn, project_root(project)) as client:
        slug = client.get_flow(flow).flow.slug
        alive = len(client.list_runs(slug, status="started", limit=1000))
        some = "at least 1000" if alive == 1000 else f"{alive}"
        going = f", of which {some} {'is' if alive == 1 else 'are'} going on" if alive else ""
        confirm(f"Delete flow '{slug}' and all its runs{going}?", yes=yes)
        client.delete_flow(slug)
    typer.echo(run_view.as_json({"deleted": slug}) if as_json else f"Deleted {slug}.")
