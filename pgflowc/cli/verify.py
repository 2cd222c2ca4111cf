"""`pgflowc verify`: whether handlers, generated code and database go together; starts no worker."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import psycopg
import typer

from pgflowc.cli.exit import FINDINGS, FINE, complain, fail
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.run_worker import worker_package
from pgflowc.cli.runtime import resolved_dsn
from pgflowc.project import CONFIG
from pgflowc_runtime.connection import headline
from pgflowc_runtime.errors import PgflowcError, RegistryError
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.settings import resolve
from pgflowc_runtime.verification import Verification, check_handlers
from pgflowc_runtime.verification import verify as look
from pgflowc_runtime.versions import MIGRATE

# A check in a deploy shall not hang; a worker waits longer.
_PATIENCE_SECONDS = 10.0


def verify(
    package: Annotated[
        str | None, typer.Argument(metavar="PACKAGE", help="Default: the package of pgflowc.toml.")
    ] = None,
    dsn: DsnOption = None,
    project: ProjectOption = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB=MODULE", help="As of run-worker; default: patterns of pgflowc.toml."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Check that a worker could start here: handlers, generated code and database.

    Imports all handlers, and compares each flow with its definition in the
    database, one line each: same, differs (in options or conditions: workers
    serve it, and the database decides), unfit (other steps or dependencies)
    or missing. A worker checks the same before its first task. Flows that a
    worker's patterns serve are found as they are there. Schedules and
    retention are the database's alone: `pgflowc diff` compares them.

    Example: pgflowc verify --dsn postgresql://app@db/app

    Exit codes: 0 all are the same, 1 something is not, 2 no database.
    """
    root = project_root(project)
    name, directories = worker_package(package, root, required=project is not None)
    try:
        patterns = resolve({"patterns": pattern}, environment=os.environ, file=root / CONFIG).patterns
    except PgflowcError as error:
        fail(str(error), help=error.help)
    registry = check_handlers(name, directories, required=not patterns)
    if not isinstance(registry, tuple):
        registry = _with_patterns(registry, patterns)
    if isinstance(registry, tuple):
        _refuse(registry, as_json=as_json)
    found = _look(registry, resolved_dsn(dsn, root))
    if as_json:
        typer.echo(json.dumps(_as_json(found), indent=2))
    else:
        _show(found)
    raise typer.Exit(FINE if found.same else FINDINGS)


def _with_patterns(registry: Registry, patterns: Sequence[str]) -> Registry | tuple[RegistryError, ...]:
    """The registry as a worker with these patterns has it, or what stands in the way."""
    try:
        return registry.serve_patterns(patterns)
    except RegistryError as error:
        return (error,)


def _look(registry: Registry, dsn: str) -> Verification:
    try:
        return asyncio.run(look(registry, dsn, patience=_PATIENCE_SECONDS))
    except PgflowcError as error:
        fail(str(error), help=error.help)
    except psycopg.Error as error:
        fail(f"the database refuses: {headline(error)}")


def _refuse(faults: tuple[RegistryError, ...], *, as_json: bool) -> NoReturn:
    if as_json:
        told = [{"error": str(fault), "help": fault.help} for fault in faults]
        typer.echo(json.dumps({"same": False, "handlers": told}, indent=2))
    else:
        for fault in faults:
            complain(str(fault), help=fault.help)
    raise typer.Exit(FINDINGS)


def _show(found: Verification) -> None:
    for one in found.flows:
        why = "; ".join((*one.faults, *one.differences))
        typer.echo(f"{one.state:<8} {one.flow.kind:<4} {one.flow.slug}{f': {why}' if why else ''}")
    for slug, why in found.others.items():
        typer.echo(f"{'other':<8} flow {slug}: {why}")
    useless = sum(one.state in ("unfit", "missing") for one in found.flows)
    if useless:
        complain(f"workers refuse to start: {_flows(useless)} not fit the database", help=MIGRATE)
    elif not found.same:
        count = sum(one.state == "differs" for one in found.flows)
        complain(
            f"{_flows(count)} not have the options or conditions that were compiled",
            help="`pgflowc diff` shows what differs; workers serve them, and the database decides",
        )


def _flows(number: int) -> str:
    return "1 flow does" if number == 1 else f"{number} flows do"


def _as_json(found: Verification) -> dict[str, Any]:
    return {
        "same": found.same,
        "flows": [
            {
                "slug": one.flow.slug,
                "kind": one.flow.kind,
                "state": one.state,
                "compiled": one.flow.definition_hash,
                "stored": one.stored.definition_hash(one.flow.kind) if one.stored else None,
                "faults": list(one.faults),
                "differences": list(one.differences),
            }
            for one in found.flows
        ],
        "others": [{"slug": slug, "reason": why} for slug, why in found.others.items()],
    }
