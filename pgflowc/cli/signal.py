"""`pgflowc signal`: send a task of a run what it waits for, or complete an approval."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pgflowc.cli.exit import FINDINGS
from pgflowc.cli.json_input import read_json
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import connected
from pgflowc_runtime.client import Client
from pgflowc_runtime.errors import NotFound
from pgflowc_runtime.signals import Delivery

_SAID: dict[Delivery, str] = {
    "delivered": "delivered",
    "buffered": "buffered: nobody waits for it yet, and the wait that comes gets it",
    "ignored": "ignored: the run, the step or the task is over, or its time to wait",
}


def signal(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    step: Annotated[str, typer.Argument(metavar="STEP", help="Slug of the step that waits.")],
    payload: Annotated[
        str, typer.Option("--payload", "-p", metavar="JSON|@FILE", help="What to send; @- reads stdin.")
    ] = "null",
    task_index: Annotated[
        int, typer.Option("--task-index", min=0, metavar="N", help="Which task of a map step, from 0.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Send a signal to a task that waits or will, or complete an approval:

    pgflowc signal RUN_ID approve --payload '{"approved": true}'

    Exit codes: 0 delivered, or kept for the wait that comes; 1 ignored,
    since the run, the step, the task or its time to wait is over; 2 not sent.
    """
    value = read_json(payload, "--payload")
    with connected(dsn, project_root(project)) as client:
        delivery = client.signal(run_id, step, value, task_index=task_index)
        declared = delivery != "buffered" or _declares(client, run_id, step)
    typer.echo(json.dumps({"delivery": delivery}) if as_json else _SAID[delivery])
    if not declared:
        typer.echo(f"note: step '{step}' declares no signal: maybe its handler waits for none", err=True)
    if delivery == "ignored":
        raise typer.Exit(FINDINGS)


def _declares(client: Client, run_id: str, step: str) -> bool:
    """Whether the step says that it waits, as far as that can be learnt."""
    try:
        return client.get_flow(client.get_run(run_id).flow_slug).step(step).signal is not None
    except (NotFound, KeyError):
        return True
