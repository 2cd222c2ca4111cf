"""`pgflowc cron`: the schedules that workers keep."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer

from pgflowc.cli import cron_view, run_view, times
from pgflowc.cli.exit import fail
from pgflowc.cli.held import tell
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import connected
from pgflowc_language.schedules import broken_schedule, broken_timezone, meant_timezone, normal
from pgflowc_runtime.client import Client
from pgflowc_runtime.rows import ScheduleInfo
from pgflowc_runtime.run_faults import flow_not_found, schedule_not_found
from pgflowc_runtime.scheduler.slots import UnreadableSchedule, slots

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
FlowArgument = Annotated[str, typer.Argument(metavar="FLOW", help="Slug of a flow or job with a schedule.")]


@app.command("list")
def list_schedules(as_json: JsonOption = False, project: ProjectOption = None, dsn: DsnOption = None) -> None:
    """List schedules: in words, the next time, the last run.

    Example: pgflowc cron list --json
    """
    with connected(dsn, project_root(project)) as client:
        found = client.list_schedules()
    if as_json:
        typer.echo(cron_view.list_json(found, datetime.now(UTC)))
    elif found:
        cron_view.show_list(found, datetime.now(UTC))
    else:
        typer.echo("No schedules. Write 'cron' in a spec, compile, and: pgflowc db up", err=True)


@app.command("preview")
def preview(
    flow: Annotated[
        str,
        typer.Argument(metavar="FLOW", help="Slug of a flow or job, or a schedule such as '0 9 * * mon'."),
    ],
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Times after this one, local to this machine unless it says +01:00; default: now.",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, max=1000, metavar="N", help="At most so many.")
    ] = 10,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Of a schedule in place of a slug; default: UTC."),
    ] = None,
    as_json: JsonOption = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Show the next times of a schedule, there and in UTC, and the days on which the clock is changed.

    A schedule instead of a slug needs no database.

    Example: pgflowc cron preview "30 2 * * *" --timezone Europe/Berlin --from 2026-03-28 --count 3
    """
    after = datetime.now(UTC) if begin is None else times.moment(begin, "--from")
    if flow.startswith("@") or len(flow.split()) > 1:
        schedule, zone = _given(flow, timezone or "UTC")
    elif timezone is not None:
        fail(
            "--timezone is for a schedule in place of a slug",
            help=f"leave it out: '{flow}' has a time zone of its own",
        )
    else:
        with connected(dsn, project_root(project)) as client:
            found = _schedule(client, flow)
        schedule, zone = found.schedule, found.timezone
    try:
        coming = list(islice(slots(schedule, zone, after), count))
    except UnreadableSchedule as error:
        fail(str(error), help="set another: change 'cron' in the spec, compile, and `pgflowc db up`")
    except OverflowError:
        fail(f"--from: '{begin}' is too near the end of time", help="for example 2030-01-31T09:00")
    if as_json:
        typer.echo(cron_view.preview_json(schedule, zone, coming))
    else:
        cron_view.show_preview(schedule, zone, coming)


@app.command("pause")
def pause(
    flow: FlowArgument, as_json: JsonOption = False, project: ProjectOption = None, dsn: DsnOption = None
) -> None:
    """Let a flow not start by itself, until it is resumed.

    Example: pgflowc cron pause daily_report

    Exit codes: 0 paused, 1 it was paused already.
    """
    with connected(dsn, project_root(project)) as client:
        done = client.pause_schedule(flow)
    tell(flow, done, "paused", "was paused already", as_json)


@app.command("resume")
def resume(
    flow: FlowArgument, as_json: JsonOption = False, project: ProjectOption = None, dsn: DsnOption = None
) -> None:
    """Let a paused flow start by itself again; nothing of the pause is made up for.

    Example: pgflowc cron resume daily_report

    Exit codes: 0 resumed, 1 it was not paused.
    """
    with connected(dsn, project_root(project)) as client:
        done = client.resume_schedule(flow)
    tell(flow, done, "resumed", "was not paused", as_json)


@app.command("trigger")
def trigger(
    flow: FlowArgument, as_json: JsonOption = False, project: ProjectOption = None, dsn: DsnOption = None
) -> None:
    """Start a run now, with the input that the schedule passes; also while it is paused.

    Example: RUN=$(pgflowc cron trigger daily_report)
    """
    with connected(dsn, project_root(project)) as client:
        run_id = client.trigger_schedule(flow)
    typer.echo(run_view.as_json({"run_id": run_id}) if as_json else f"{run_id}")


def _given(schedule: str, timezone: str) -> tuple[str, str]:
    """A schedule as specs take it; exits 2 if it is none."""
    broken = broken_schedule(schedule)
    if broken is not None:
        fail(f"'{schedule}' is no schedule: {broken[0]}", help=broken[1])
    if broken_timezone(timezone):
        fail(f"'{timezone}' is no time zone", help=meant_timezone(timezone))
    return normal(schedule), timezone


def _schedule(client: Client, flow: str) -> ScheduleInfo:
    found = client.list_schedules()
    for one in found:
        if one.flow_slug == flow:
            return one
    if not client.flow_exists(flow):
        raise flow_not_found(flow, [known.slug for known in client.list_flows()])
    raise schedule_not_found(flow, [one.flow_slug for one in found])
