"""`pgflowc diff`: what a change of flows does, to a live database and to the runs that are alive in it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import psycopg
import typer

from pgflowc.cli.database_view import origin
from pgflowc.cli.exit import FINE, fail
from pgflowc.cli.migration_tools import APPLY
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.places import (
    ERROR,
    PLACES,
    Place,
    known_of,
    live_state,
    parse_place,
    read_lock,
    state_at,
)
from pgflowc.cli.terminal import wants_color
from pgflowc.database.alive_runs import read_alive_runs
from pgflowc.database.connection import connect
from pgflowc.database.dsn import resolve_dsn
from pgflowc.database.errors import DatabaseError
from pgflowc.database.snapshot import STATEMENT_SECONDS, snapshot
from pgflowc.plan import LOCK
from pgflowc.plan.difference import Difference, Known, difference, with_alive
from pgflowc.plan.plan import ALLOW
from pgflowc.plan.state import State
from pgflowc.render.differences import json_report, markdown, script, text
from pgflowc_language.words import near_miss

DIFFERENT: Final = 2
_DATABASE, _SPECS, _EMPTY = Place("db"), Place("spec"), Place("empty")
_SCHEMAS = {"worker": "pgflowc", "pg_cron": "cron"}
_OWN_SCHEMA = "Calls functions of schema pgflowc, which is not installed there: pgflowc db stamp --foreign"


class Format(StrEnum):
    """How a difference is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    SQL = "sql"


def diff(
    flows: Annotated[
        list[str] | None, typer.Argument(metavar="FLOW", help="Flows to compare; default: all.")
    ] = None,
    before: Annotated[
        str, typer.Option("--from", metavar="PLACE", help=f"Compare from there: {PLACES}.")
    ] = "db",
    after: Annotated[str, typer.Option("--to", metavar="PLACE", help="Compare to there.")] = "spec",
    format: Annotated[Format, typer.Option("--format", help="How the difference is written.")] = Format.TEXT,
    as_script: Annotated[
        bool,
        typer.Option("--script", help="Print SQL that mends drift, or leads from one place to the other."),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", min=0.001, help="The most that a look at the database may take."
        ),
    ] = STATEMENT_SECONDS,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Show what the specs would change in a live database, and which runs that breaks.

    One line for each operation: + new, ~ changed, - deleted, -/+ deleted and
    created anew, ! drift, where the database differs from the lock.
    Nothing is written, neither there nor here.

    For example: pgflowc diff order --dsn postgresql://localhost/shop
    or, without a database: pgflowc diff --from git:main

    Exit codes: 0 no difference, 2 differences, 1 an error.
    """
    root = project_root(project)
    places = parse_place(before, "--from"), parse_place(after, "--to")
    asked = tuple(flows or ())
    compared = (
        _with_database(root, places, asked, dsn, timeout)
        if _DATABASE in places
        else _without(root, places, asked)
    )
    found = compared.found
    if compared.database and format is Format.TEXT and not as_script:
        typer.echo(f"database  {compared.database}", err=True)
    if as_script or format is Format.SQL:
        typer.echo(script.render(found, drift_only=compared.drift_only, needs=compared.needs), nl=False)
    elif format is Format.JSON:
        typer.echo(json_report.render(found), nl=False)
    elif format is Format.MARKDOWN:
        typer.echo(markdown.render(found), nl=False)
    else:
        typer.echo(text.render(found, color=wants_color(sys.stdout)), nl=False, color=True)
        if compared.next:
            typer.echo(f"Next: {compared.next}", err=True)
    raise typer.Exit(DIFFERENT if found.flows else FINE)


@dataclass(frozen=True, slots=True)
class _Compared:
    """`drift_only`: what the specs change is for migrations to do. `needs`: what a script needs first.
    `database`: which one was looked at, and `next`: what to do about the difference, for people.
    """

    found: Difference
    drift_only: bool = False
    needs: str = ""
    database: str = ""
    next: str = ""


def _without(root: Path, places: tuple[Place, Place], asked: Sequence[str]) -> _Compared:
    """The difference of two places that need no database."""
    before, after = (state_at(place, root) for place in places)
    _check_asked(asked, before, after)
    return _Compared(difference(before.only(asked), after.only(asked)))


def _with_database(
    root: Path, places: tuple[Place, Place], asked: Sequence[str], dsn: str | None, seconds: float
) -> _Compared:
    """The difference of a place and a database: all that is read of that is of one moment."""
    lock = read_lock(root) if (root / LOCK).exists() else None
    others = [state_at(place, root) for place in places if place != _DATABASE]
    try:
        resolved = resolve_dsn(dsn, root, start_embedded=False)
        with connect(resolved) as connection:
            try:
                with snapshot(connection, seconds=seconds):
                    live, there = live_state(connection)
                    known = known_of(connection, root, lock)
                    ours = lock.flows if lock else {}
                    found = _difference(places, there, others, asked, known, ours)
                    found = _with_runs(connection, found)
            except psycopg.errors.QueryCanceled:
                fail(
                    f"the flows of the database could not be read within {seconds:g} s",
                    help="--timeout allows more",
                    code=ERROR,
                )
    except DatabaseError as error:
        fail(error.message, help=error.help, code=ERROR)
    notes = [] if live.core else [f"{resolved.display} has no schema pgflow: nothing is installed there"]
    if live.unread:
        schemas = " and ".join(_SCHEMAS[keeper] for keeper in sorted(live.unread))
        notes.append(f"schedules are not compared: the role may not read schema {schemas}")
    if lock is not None and known is None:
        notes.append("drift is not told from changes: it cannot be seen which migrations were applied")
    return _Compared(
        replace(found, notes=(*notes, *found.notes)),
        drift_only=lock is not None and places == (_DATABASE, _SPECS),
        database=f"{resolved.display}{origin(resolved)}",
        needs="" if "worker" in live.keepers or not live.core else _OWN_SCHEMA,
        next=_next(found, known, ours) if places == (_DATABASE, _SPECS) else "",
    )


def _next(found: Difference, known: Known | None, ours: Collection[str]) -> str:
    """The command that makes the difference less."""
    if any(line.drift for line in found.lines):
        return "pgflowc diff --script prints what mends the drift"
    if known and any(flow.name in known.pending for flow in found.flows):
        return APPLY[known.tool or "plain"]
    strange = [flow.name for flow in found.flows if flow.mark == "-" and flow.name not in ours]
    if strange and len(strange) == len(found.flows):
        return f"pgflowc pull {' '.join(strange)}"
    if any(flow.mark in ("-", "-/+") for flow in found.flows):
        return ALLOW
    return "pgflowc compile" if found.flows else ""


def _difference(
    places: tuple[Place, Place],
    there: State,
    others: Sequence[State],
    asked: Sequence[str],
    known: Known | None,
    ours: Collection[str],
) -> Difference:
    """The operations between the database, `there`, and the other place; without one, it is itself.

    `ours` are names of flows of this project, beside those of the other place.
    """
    from_there, to_there = (place == _DATABASE for place in places)
    other = others[0] if others else there
    before, after = there if from_there else other, there if to_there else other
    _check_asked(asked, before, after)
    ours = {*asked, *other.flows, *ours}
    # What an empty place lacks is not strange.
    judged = None if _EMPTY in places else ours
    return difference(
        before.only(asked), after.only(asked), known if from_there and not to_there else None, judged
    )


def _with_runs(connection: psycopg.Connection, found: Difference) -> Difference:
    """Judge by the runs that are alive; where they cannot be read in time, say so."""
    if not found.at_risk:
        return found
    try:
        with connection.transaction():
            return with_alive(found, read_alive_runs(connection, found.at_risk))
    except psycopg.errors.QueryCanceled:
        reason = "that took too long; --timeout allows more"
    except psycopg.errors.InsufficientPrivilege as error:
        reason = error.diag.message_primary or "the role may not"
    return replace(found, notes=(*found.notes, f"runs that are alive were not counted: {reason}"))


def _check_asked(asked: Sequence[str], before: State, after: State) -> None:
    names = {*before.flows, *after.flows}
    for slug in asked:
        if slug not in names:
            near = near_miss(slug, sorted(names))
            fail(
                f"there is no flow '{slug}', neither in {before.title} nor in {after.title}",
                help=f"did you mean '{near}'?" if near else "pgflowc diff without a name compares all",
                code=ERROR,
            )
