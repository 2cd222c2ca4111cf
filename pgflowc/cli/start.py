"""`pgflowc start`: start a run, and wait for its end if asked to."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated

import typer

from pgflowc.cli import run_view, times
from pgflowc.cli.exit import FINDINGS, fail
from pgflowc.cli.generated import find_flow
from pgflowc.cli.json_input import read_json
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import connected


def start(
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="Slug of a flow or job.")],
    input: Annotated[
        str, typer.Option("--input", "-i", metavar="JSON|@FILE", help="The run's input; @- reads stdin.")
    ] = "{}",
    run_id: Annotated[
        str | None,
        typer.Option(
            "--run-id", metavar="UUID", help="The run's id; repeated, it starts nothing a second time."
        ),
    ] = None,
    delay: Annotated[
        str | None, typer.Option("--in", metavar="DURATION", help="Begin after that time: 90s, 5m, 2h, 1d.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Begin then: 2030-01-31T09:00, local or with +01:00."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and show the run.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="S", help="With --wait: seconds, at most.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Start a run of a flow or job, and print its id.

    Exit codes: 0 started (with --wait: completed), 1 the run failed,
    2 not started, or not finished in time.
    """
    if delay is not None and at is not None:
        fail("--in and --at exclude each other")
    value = read_json(input)
    later = timedelta(0) if delay is None else times.duration(delay, "--in")
    when = None if at is None else times.moment(at, "--at")
    root = project_root(project)
    compiled = find_flow(flow, root) or flow
    with connected(dsn, root) as client:
        client.check_schema()
        if when is not None:
            started = client.enqueue_at(compiled, value, when, run_id=run_id)
        elif delay is not None:
            started = client.enqueue_in(compiled, value, later, run_id=run_id)
        else:
            started = client.start_flow(compiled, value, run_id=run_id)
        if not wait:
            typer.echo(json.dumps({"run_id": str(started)}) if as_json else str(started))
            return
        run = client.wait(started, timeout=timeout)
        state = client.get_run_with_states(started)
    if as_json:
        typer.echo(run_view.as_json(state))
    else:
        run_view.show(state)
    if run.status == "failed":
        raise typer.Exit(FINDINGS)
