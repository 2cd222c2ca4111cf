"""`pgflowc runs`: list runs and what they wait for, look into one, watch, end, resume and prune them."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from pgflowc.cli import run_view, times
from pgflowc.cli.confirm import confirm
from pgflowc.cli.exit import FINDINGS
from pgflowc.cli.json_input import read_json
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import connected
from pgflowc.cli.watch_view import watch
from pgflowc_runtime.client import Client
from pgflowc_runtime.run_faults import flow_not_found

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RunIds = Annotated[list[str], typer.Argument(metavar="RUN_ID...", help="One or more runs.")]


class Status(StrEnum):
    """The statuses of runs."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


class Kind(StrEnum):
    """The kinds of flows."""

    FLOW = "flow"
    JOB = "job"


class Awaited(StrEnum):
    """What a task waits with: a handler for its signal, or an approval."""

    SIGNAL = "signal"
    APPROVAL = "approval"


@app.command("list")
def list_runs(
    flow: Annotated[
        str | None, typer.Option("--flow", metavar="SLUG", help="Only runs of this flow.")
    ] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only runs of this status.")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only runs of flows, or of jobs.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Started since then: 2030-01-31T09:00, or 2h for 2 hours ago."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Started before then, likewise.")
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(
            "--input", "-i", metavar="JSON", help="""Only inputs that contain this: '{"order_id": 1}'."""
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="At most so many.")
    ] = 20,
    after: Annotated[
        str | None, typer.Option("--after", metavar="CURSOR", help="Go on after a page that was full.")
    ] = None,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """List runs, the latest first."""
    begin = None if since is None else times.since(since, "--since")
    end = None if until is None else times.since(until, "--until")
    contained = None if input is None else read_json(input)
    with connected(dsn, project_root(project)) as client:
        _check_flow(client, flow)
        page = client.list_runs(
            flow,
            status=None if status is None else status.value,
            kind=None if kind is None else kind.value,
            since=begin,
            until=end,
            input=contained,
            limit=limit,
            after=after,
        )
    if as_json:
        typer.echo(run_view.as_json(page))
    elif page:
        run_view.show_list(page)
    elif after is None and begin is None and end is None and contained is None:
        typer.echo("No runs. Start one: pgflowc start FLOW --input JSON", err=True)
    else:
        typer.echo("No runs fit.", err=True)
    if page.next is not None:
        typer.echo(f"More: --after {page.next}", err=True)


@app.command("waiting")
def list_waiting(
    flow: Annotated[
        str | None, typer.Option("--flow", metavar="SLUG", help="Only runs of this flow.")
    ] = None,
    step: Annotated[str | None, typer.Option("--step", metavar="STEP", help="Only this step.")] = None,
    kind: Annotated[
        Awaited | None, typer.Option("--kind", help="Only handlers that wait, or only approvals.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="At most so many.")
    ] = 100,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """List what waits for a signal, the longest wait first.

    Example: pgflowc runs waiting --kind approval
    """
    with connected(dsn, project_root(project)) as client:
        _check_flow(client, flow)
        found = client.list_waiting(
            flow, step=step, kind=None if kind is None else kind.value, limit=min(limit + 1, 10_000)
        )
    tasks = found[:limit]
    if as_json:
        typer.echo(run_view.as_json(tasks))
    elif tasks:
        run_view.show_waiting(tasks)
    else:
        typer.echo("Nothing waits for a signal.", err=True)
    if len(found) > limit:
        typer.echo(f"More: --limit {min(10 * limit, 10_000)}", err=True)


@app.command("show")
def show_run(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Show a run and its steps: status, attempts, durations."""
    with connected(dsn, project_root(project)) as client:
        state = client.get_run_with_states(run_id)
    if as_json:
        typer.echo(run_view.as_json(state))
    else:
        run_view.show(state)


@app.command("watch")
def watch_runs(
    run_ids: RunIds,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a line for each event.")
    ] = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Follow runs until all have ended: redrawn in place on a terminal, a line for each event elsewhere.

    Exit codes: 0 all completed, 1 one has failed.
    """
    with connected(dsn, project_root(project)) as client, client.watch(*run_ids) as watcher:
        watch(watcher, as_json=as_json)
    if any(state.run.status != "completed" for state in watcher.states.values()):
        raise typer.Exit(FINDINGS)


@app.command("cancel")
def cancel_runs(
    run_ids: RunIds,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; the run's error says so.")
    ] = None,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """End runs as failed; what a worker is doing for them counts no more.

    Exit codes: 0 cancelled, 1 one was over already.
    """
    with connected(dsn, project_root(project)) as client:
        _each(
            client,
            run_ids,
            lambda run_id: client.cancel_run(run_id, reason=reason),
            "cancelled",
            "was over already",
            as_json,
        )


@app.command("retry")
def retry_runs(
    run_ids: RunIds,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Let failed runs go on where they failed; what is finished is kept.

    Exit codes: 0 they go on, 1 one is not failed.
    """
    with connected(dsn, project_root(project)) as client:
        _each(client, run_ids, client.retry_run, "goes on", "is not failed", as_json)


@app.command("prune")
def prune_runs(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="DURATION", help="Ended longer ago than that, such as 30d.")
    ],
    flows: Annotated[
        list[str] | None,
        typer.Option("--flow", metavar="SLUG", help="Only runs of this flow; may be repeated."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Delete runs that have ended, with their steps, tasks and messages, and the rows of dead workers.

    Runs go in small transactions, whatever retention their flow has. What goes on is never deleted.
    Example: pgflowc runs prune --older-than 30d --flow send_email
    """
    age = times.duration(older_than, "--older-than")
    with connected(dsn, project_root(project)) as client:
        for flow in flows or ():
            _check_flow(client, flow)
        of = f" of {', '.join(flows)}" if flows else ""
        ended = f"{of} that ended more than {older_than} ago"
        if dry_run:
            count = client.count_ended(age, flows=flows)
            typer.echo(json.dumps({"runs": count}) if as_json else f"Would delete {_runs(count)}{ended}.")
            return
        if not yes:
            confirm(f"Delete {_runs(client.count_ended(age, flows=flows))}{ended}?", yes=False)
        pruned = client.prune(age, flows=flows)
    if as_json:
        typer.echo(run_view.as_json(pruned))
    else:
        typer.echo(f"Deleted {_runs(pruned.runs)} with {pruned.step_tasks} tasks.")


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _check_flow(client: Client, flow: str | None) -> None:
    if flow is not None and not client.flow_exists(flow):
        raise flow_not_found(flow, [known.slug for known in client.list_flows()])


def _each(
    client: Client, run_ids: list[str], act: Callable[[str], bool], yes: str, no: str, as_json: bool
) -> None:
    """Act on each run and tell it at once; nothing is done if there is one that does not exist."""
    for run_id in run_ids:
        client.get_run(run_id)
    done: dict[str, bool] = {}
    for run_id in dict.fromkeys(run_ids):
        done[run_id] = act(run_id)
        if not as_json:
            typer.echo(f"{run_id} {yes if done[run_id] else no}")
    if as_json:
        typer.echo(json.dumps(done, indent=2))
    if not all(done.values()):
        raise typer.Exit(FINDINGS)
