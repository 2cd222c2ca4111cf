"""`pgflowc pull`: the flows of a database as specs, for a project that begins with one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from pgflowc.cli.compile import show_change
from pgflowc.cli.database_errors import database_errors
from pgflowc.cli.exit import FINDINGS, complain, fail
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.database.connection import connect
from pgflowc.database.dsn import configured_project, resolve_dsn
from pgflowc.database.live_flows import LiveDatabase, LiveFlow, read_live_flows
from pgflowc.database.snapshot import STATEMENT_SECONDS, snapshot
from pgflowc.diagnostics import Report
from pgflowc.document.referred import CronTarget, Specs
from pgflowc.output import Change, OutputError, Status, compare, diff, write
from pgflowc.project import CONFIG, read_flows, read_present
from pgflowc.pull import Pulled, Stored
from pgflowc.pull import pull as specs_of
from pgflowc.settings import Settings, package_name
from pgflowc_language.words import near_miss


def pull(
    flows: Annotated[
        list[str] | None,
        typer.Argument(metavar="FLOW", help="Flows and jobs by name; default: all of the database."),
    ] = None,
    dsn: DsnOption = None,
    project: ProjectOption = None,
    force: Annotated[bool, typer.Option("--force", help="Write over specs that say something else.")] = False,
    show_diff: Annotated[
        bool, typer.Option("--diff", help="Write nothing; print what would change as a diff.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; list the files that would change.")
    ] = False,
) -> None:
    """Write specs of the flows that a database has, whoever defined them.

    The database is only read, and nothing but the tables of pgflow has to be
    there. A spec that says the same already is kept, one that does not is
    written over only with --force. All files are written or none. What comes
    of it is compiled as ever: its migrations change nothing in that database.

    Example: pgflowc pull order --dsn postgresql://app@db/app

    Exit codes: 0 done, 1 a flow cannot be pulled, or its file is there already,
    2 no database, or it has no such flow.
    """
    root = project_root(project).resolve()
    with database_errors():
        found = configured_project(root)
        resolved = resolve_dsn(dsn, root, start_embedded=False)
        with connect(resolved) as connection:
            try:
                with snapshot(connection):
                    live = read_live_flows(connection)
            except psycopg.errors.QueryCanceled:
                fail(
                    f"the flows of the database could not be read within {STATEMENT_SECONDS} s",
                    help="somebody may hold a lock on tables of pgflow: see pg_locks",
                )
    if not live.core:
        fail(f"there are no tables of pgflow in {resolved.display}", help="name another database with --dsn")
    chosen = _chosen(live, flows or [])
    keeper: CronTarget = found.settings.cron_target if found else _keeper(chosen)
    settings = found.settings if found else Settings()
    specs = read_flows(found, Report()) if found else Specs({}, cron_target=keeper)
    pulled = specs_of(chosen, specs, settings.flows, force=force)
    if pulled.faults:
        for fault in pulled.faults:
            complain(f"{fault.flow}: {fault.message}", help=fault.help)
        fail("nothing was written", help=_others(chosen, pulled), code=FINDINGS)
    files = dict(pulled.files)
    if found is None:
        files[CONFIG] = _configuration(root, keeper)
    changes = compare(files, (), read_present(root, files, Report()))
    if show_diff:
        typer.echo(diff(changes), nl=False)
    elif not dry_run:
        _write(root, changes)
    if not show_diff:
        _show(changes, pulled)
    _tell(chosen, keeper, pulled)


def _chosen(live: LiveDatabase, names: Sequence[str]) -> list[Stored]:
    known = live.named
    for name in names:
        if name not in known:
            near = near_miss(name, list(known))
            fail(
                f"the database has no flow '{name}'",
                help=f"did you mean '{near}'?" if near else "`pgflowc flows list` shows those it has",
            )
    if not known:
        fail("the database has no flow", code=FINDINGS)
    return [
        Stored(name, flow.shape, flow.version.version if flow.version else 1, _notes(flow))
        for name, flow in known.items()
        if not names or name in names
    ]


def _notes(flow: LiveFlow) -> tuple[str, ...]:
    return (*flow.notes, *(["its schedule is paused"] if flow.paused else []))


def _keeper(chosen: Sequence[Stored]) -> CronTarget:
    """Who keeps the schedules, if all of them have the same keeper."""
    keepers = {one.shape.cron.keeper for one in chosen if one.shape.cron}
    return keepers.pop() if len(keepers) == 1 else "auto"


def _configuration(root: Path, keeper: CronTarget) -> str:
    target = f'\n[target]\ncron = "{keeper}"\n' if keeper != "auto" else ""
    return (
        "# The Python package that `pgflowc compile` writes into.\n"
        f'package = "{package_name(root.name)}"\n{target}'
    )


def _others(chosen: Sequence[Stored], pulled: Pulled) -> str:
    """The command that leaves out what cannot be pulled."""
    faulty = {fault.flow for fault in pulled.faults}
    rest = [one.name for one in chosen if one.name not in faulty]
    return f"the others: pgflowc pull {' '.join(rest)}" if 0 < len(rest) <= 20 else ""


def _write(root: Path, changes: Sequence[Change]) -> None:
    try:
        write(root, changes, last=CONFIG)
    except OutputError as error:
        fail(f"nothing was written: {error}")


def _show(changes: Sequence[Change], pulled: Pulled) -> None:
    for change in changes:
        show_change(change, typer.echo)
    for flow, path in sorted(pulled.kept.items()):
        typer.echo(f"{'kept':<9} {path}: it specifies {flow} as the database has it")
    if any(change.status is not Status.UNCHANGED for change in changes):
        typer.echo("Next: pgflowc compile")


def _tell(chosen: Sequence[Stored], keeper: CronTarget, pulled: Pulled) -> None:
    for note in pulled.notes:
        typer.echo(f"note: {note}", err=True)
    moved = [one.name for one in chosen if one.shape.cron and one.shape.cron.is_job != (keeper == "pg_cron")]
    if moved:
        others = "workers start" if keeper == "pg_cron" else "jobs of pg_cron start"
        typer.echo(
            f"note: {others} {', '.join(moved)} by schedule now; the setting [target] cron of {CONFIG} "
            f'is "{keeper}", and a migration would move the schedules there',
            err=True,
        )
