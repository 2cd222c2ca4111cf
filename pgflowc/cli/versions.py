"""`pgflowc versions`: which versions flows have, and making an end of those that nothing runs on any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.text import Text

from pgflowc.cli import run_view
from pgflowc.cli.compile import compiled, summarise, write_changes
from pgflowc.cli.exit import ENVIRONMENT, FINDINGS, fail
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.places import read_lock
from pgflowc.database.dsn import resolve_dsn
from pgflowc.database.errors import DatabaseError
from pgflowc.plan import Lock
from pgflowc.plan.versions import stored_slug
from pgflowc_language.words import did_you_mean
from pgflowc_runtime.client import Client
from pgflowc_runtime.connection import headline
from pgflowc_runtime.errors import PgflowcError
from pgflowc_runtime.rows import FlowVersion

app = typer.Typer(invoke_without_command=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True, slots=True)
class _Version:
    """A line of the list. `alive_runs` is None where no database told; `is_kept`: the lock has it."""

    name: str
    version: int
    flow_slug: str
    is_current: bool
    alive_runs: int | None
    is_kept: bool


@app.callback()
def versions(
    context: typer.Context, as_json: JsonOption = False, project: ProjectOption = None, dsn: DsnOption = None
) -> None:
    """List the versions of flows: which one runs start on, and how many runs
    are alive on each.

    What the lock says, and what the database says if it can be reached.

    Example: pgflowc versions retire order 1
    """
    if context.invoked_subcommand is not None:
        return
    root = project_root(project)
    lock = read_lock(root, code=ENVIRONMENT)
    if lock is None:
        fail("this project has no pgflowc.lock", help="run `pgflowc compile`")
    stored, problem = _stored(dsn, root)
    found = list(_listed(lock, stored))
    if as_json:
        typer.echo(run_view.as_json([asdict(one) for one in found]))
    elif found:
        _show(found)
    else:
        typer.echo("No flows. Write a spec, and run: pgflowc compile", err=True)
    if problem:
        typer.echo(f"runs were not counted: {problem}", err=True)


@app.command("retire")
def retire(
    flow: Annotated[
        str | None, typer.Argument(metavar="[FLOW]", help="Flow; default: all of the project.")
    ] = None,
    version: Annotated[
        int | None,
        typer.Argument(metavar="[VERSION]", min=1, help="Former version; default: those without runs alive."),
    ] = None,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Write the migration that deletes a former version, and drop its code
    from the registry.

    The migration is refused while runs of the version are alive. Without
    VERSION the database says which versions have none. Files of yours are
    never deleted.

    Example: pgflowc versions retire order 1

    Exit codes: 0 done, 1 nothing to retire, or mistakes in specs, 2 wrong
    usage or environment.
    """
    root = project_root(project)
    lock = read_lock(root, code=ENVIRONMENT)
    former = _former(lock or Lock(), flow)
    stored, problem = _stored(dsn, root)
    if version is not None:
        assert flow is not None
        chosen = _chosen(lock or Lock(), flow, version)
    elif problem:
        fail(f"which versions have no runs alive is not known: {problem}", help="name one: retire order 1")
    else:
        chosen = {one for one in former if _alive(stored, *one) == 0}
    if not chosen:
        fail("there is no former version without runs alive", help="pgflowc versions", code=FINDINGS)
    layout, compilation, changes, _ = compiled(root, None, retired=frozenset(chosen))
    write_changes(root, changes)
    summarise(layout, compilation.plan, changes, typer.echo)
    for name, number in sorted(chosen):
        if alive := _alive(stored, name, number):
            runs = f"{alive} run{' is' if alive == 1 else 's are'} alive on version {number} of {name}"
            end = "it ends" if alive == 1 else "they end"
            typer.echo(f"{runs}: the migration is refused until {end}", err=True)
    for name, number in sorted(chosen):
        code = former[name, number]
        path = layout.python("handlers", f"{code}.py")
        if (root / path).exists():
            typer.echo(f"May be deleted now: {path}")


def _former(lock: Lock, flow: str | None) -> dict[tuple[str, int], str]:
    """The former versions of a flow, or of all, and what their modules are called."""
    if flow is not None and flow not in lock.flows:
        fail(
            f"no flow '{flow}' in this project",
            help=did_you_mean(flow, lock.flows) or "pgflowc versions",
        )
    return {
        (name, one.version): one.code.module
        for name, entry in lock.flows.items()
        if flow in (None, name)
        for one in entry.former
    }


def _chosen(lock: Lock, flow: str, version: int) -> set[tuple[str, int]]:
    entry = lock.flows[flow]
    if version == entry.version:
        fail(
            f"version {version} is the current one of '{flow}'",
            help="remove the spec to delete the flow with all its versions",
        )
    if version not in (one.version for one in entry.former):
        there = ", ".join(str(one.version) for one in entry.former)
        fail(f"'{flow}' has no former version {version}", help=f"it has {there}" if there else "it has none")
    return {(flow, version)}


def _stored(dsn: str | None, root: Path) -> tuple[dict[str, FlowVersion], str]:
    """The versions in the database by stored slug, or why they are not known."""
    try:
        with Client(resolve_dsn(dsn, root, start_embedded=False).dsn) as client:
            return {one.flow_slug: one for one in client.list_versions()}, ""
    except (DatabaseError, PgflowcError) as error:
        return {}, str(error).partition("\n")[0]
    except psycopg.Error as error:
        return {}, headline(error)


def _alive(stored: Mapping[str, FlowVersion], name: str, version: int) -> int | None:
    """The runs alive; None if the database does not have the version, or none was asked."""
    found = stored.get(stored_slug(name, version))
    return found.alive_runs if found else None


def _listed(lock: Lock, stored: Mapping[str, FlowVersion]) -> Iterator[_Version]:
    for name, entry in sorted(lock.flows.items()):
        kept = {entry.version, *(one.version for one in entry.former)}
        there = {one.version: one for one in stored.values() if one.name == name}
        current = next((one.version for one in there.values() if one.is_current), entry.version)
        for version in sorted({*kept, *there}):
            alive = there[version].alive_runs if version in there else None
            slug = stored_slug(name, version)
            yield _Version(name, version, slug, version == current, alive, version in kept)


def _show(found: list[_Version]) -> None:
    console = run_view.console()
    names = max(4, *(len(one.name) for one in found))
    slugs = max(9, *(len(one.flow_slug) for one in found))
    console.print(
        Text(f"{'FLOW':<{names}}  VERSION  {'STORED AS':<{slugs}}  ALIVE RUNS", style="bold"), soft_wrap=True
    )
    for one in found:
        alive = "?" if one.alive_runs is None else str(one.alive_runs)
        line = Text(f"{one.name:<{names}}  {one.version:>7}  {one.flow_slug:<{slugs}}  {alive:>10}")
        if one.is_current:
            line.append("  current", style="green")
        elif not one.is_kept:
            line.append("  retired", style="dim")
        console.print(line, soft_wrap=True)
