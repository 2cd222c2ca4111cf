"""`pgflowc db up` and `pgflowc db rollback`: a database goes on to what the project's files say, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from pgflowc.cli.database_errors import database_errors
from pgflowc.cli.database_view import origin, version_change
from pgflowc.cli.exit import FINDINGS, fail
from pgflowc.cli.migration_tools import APPLY
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.times import duration
from pgflowc.database.advisory_lock import WAIT_SECONDS
from pgflowc.database.connection import connect
from pgflowc.database.dsn import configured_project, resolve_dsn
from pgflowc.database.embedded import EmbeddedServer
from pgflowc.database.errors import NotRunningError
from pgflowc.database.installation import install, installation_sql, missing
from pgflowc.database.inventory import Inventory, take_inventory
from pgflowc.database.migrations import (
    Migration,
    MigrationState,
    apply_migrations,
    compare,
    down_to,
    migration_sql,
    project_migrations,
    read_undo,
    recorded_migrations,
    refuse_changed,
    undo_migrations,
    up_to,
)

WaitLockOption = Annotated[
    str,
    typer.Option(
        "--wait-lock",
        metavar="DURATION",
        help="Wait so long for another process that changes the database; 0 not at all.",
    ),
]
_WAIT = f"{WAIT_SECONDS}s"


def up(
    dsn: DsnOption = None,
    project: ProjectOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; print the SQL that would run.")
    ] = False,
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="N", min=0, help="Apply migrations up to this number only."),
    ] = None,
    wait_lock: WaitLockOption = _WAIT,
) -> None:
    """Start the embedded server (unless a database is named), install the components, apply migrations.

    Each migration is one transaction: one that fails leaves nothing behind,
    and those before it stay. --dry-run prints a script for psql on standard
    output, and what it is about on standard error.

    Example: pgflowc db up --dry-run --to 7 > review.sql

    Exit codes: 0 done, 1 a migration failed or was changed after it was
    applied, 2 no database, or another process changes it.
    """
    root = project_root(project)
    wait = _seconds(wait_lock)
    with database_errors():
        key, files = project_migrations(root)
        if to is not None and key is None:
            fail("--to is about migrations that pgflowc applies, and here are none")
        if dry_run:
            _show_script(dsn, root, key, files, to)
            return
        resolved = resolve_dsn(dsn, root, start_embedded=True)
        typer.echo(f"database  {resolved.display}" + origin(resolved))
        with connect(resolved) as connection:
            changes = install(connection, wait=wait)
            for change in changes:
                typer.echo(f"{change.component:<9} {version_change(change)}")
            applied = _apply(connection, key, files, to, wait) if key else 0
    if not changes and not applied:
        typer.echo(_nothing(to))
    others = configured_project(root)
    if others is not None and others.settings.migrations_format != "plain":
        typer.echo(f"Next: {APPLY[others.settings.migrations_format].partition(' && ')[2]}")
    else:
        typer.echo("Next: pgflowc run-worker" if files else "Next: pgflowc compile, then pgflowc db up")


def rollback(
    dsn: DsnOption = None,
    project: ProjectOption = None,
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="N", min=0, help="Undo all migrations above this number; default: one."),
    ] = None,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="Undo even what deletes runs.")
    ] = False,
    wait_lock: WaitLockOption = _WAIT,
) -> None:
    """Undo the last migration that was applied, or all above a number, by their .down.sql files.

    Example: pgflowc db rollback --to 7

    Exit codes: 0 done, 1 a migration cannot be undone or deletes runs, 2 no
    database, or another process changes it.
    """
    root = project_root(project)
    wait = _seconds(wait_lock)
    with database_errors():
        key, files = project_migrations(root)
        found = configured_project(root)
        if key is None or found is None:
            fail("there are no migrations that pgflowc applies here", help="`pgflowc db up` tells who does")
        resolved = resolve_dsn(dsn, root, start_embedded=False)
        typer.echo(f"database  {resolved.display}{origin(resolved)}")
        with connect(resolved) as connection:
            chosen = down_to(compare(files, recorded_migrations(connection, key)), to)
            undos = [(one, read_undo(found.migrations_dir, found.root, one)) for one in chosen]
            losses = [one.path for one, undo in undos if undo.deletes_runs]
            if losses and not allow_data_loss:
                fail(
                    f"undoing {', '.join(losses)} deletes runs, or parts of them",
                    help=f"after a backup: pgflowc db rollback{f' --to {to}' if to is not None else ''} "
                    "--allow-data-loss",
                    code=FINDINGS,
                )
            for migration in undo_migrations(connection, key, undos, wait=wait):
                typer.echo(f"undone    {migration.path}")
    if not undos:
        typer.echo("Nothing to undo.")


def _nothing(to: int | None) -> str:
    up_to = f", up to migration {to}" if to is not None else ""
    return f"Nothing to do: everything is installed and applied{up_to}."


def _seconds(wait_lock: str) -> int:
    return int(duration(wait_lock, "--wait-lock").total_seconds())


def _apply(
    connection: psycopg.Connection, key: str, files: tuple[Migration, ...], to: int | None, wait: int
) -> int:
    _tell_odd_ones(compare(files, recorded_migrations(connection, key)))
    count = 0
    for migration in apply_migrations(connection, key, files, to=to, wait=wait):
        typer.echo(f"applied   {migration.path}")
        count += 1
    return count


def _tell_odd_ones(state: MigrationState) -> None:
    refuse_changed(state)
    for name in state.missing:
        typer.echo(f"warning: {name} was applied to this database, but its file is gone", err=True)
    for migration in state.late:
        typer.echo(f"note: {migration.path} is applied after migrations with higher numbers", err=True)


@dataclass(frozen=True, slots=True)
class _Found:
    """A database before anything is done: what it has, and which of the project's migrations."""

    database: str
    inventory: Inventory = field(default_factory=Inventory)
    recorded: Mapping[str, str] = field(default_factory=dict)


def _show_script(
    dsn: str | None, root: Path, key: str | None, files: tuple[Migration, ...], to: int | None
) -> None:
    found = _look(dsn, root, key)
    changes = missing(found.inventory)
    state = compare(files, found.recorded)
    _tell_odd_ones(state)
    pending = up_to(state, to)
    parts = [installation_sql(changes), *(migration_sql(key or "", one) for one in pending)]
    say = partial(typer.echo, err=True)
    say(f"database  {found.database}")
    for change in changes:
        say(f"{change.component:<9} {version_change(change, would=True)}")
    for migration in pending:
        say(f"pending   {migration.path}")
    say(
        "Nothing was changed."
        if changes or pending
        else "Nothing to do: everything is installed and applied."
    )
    typer.echo("\n".join(part for part in parts if part), nl=False)


def _look(dsn: str | None, root: Path, key: str | None) -> _Found:
    try:
        resolved = resolve_dsn(dsn, root, start_embedded=False)
    except NotRunningError:
        if EmbeddedServer.of(root).data is not None:
            raise
        return _Found("the embedded server, which is not there yet")
    with connect(resolved) as connection:
        recorded = recorded_migrations(connection, key) if key else {}
        return _Found(f"{resolved.display}{origin(resolved)}", take_inventory(connection), recorded)
