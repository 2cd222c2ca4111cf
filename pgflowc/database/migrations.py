"""A project's migrations: the files, what the database has of them, and what is therefore to be done."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from pgflowc.database.advisory_lock import WAIT_SECONDS, exclusive_transaction
from pgflowc.database.connection import statement_failed
from pgflowc.database.dsn import configured_project
from pgflowc.database.errors import DatabaseError
from pgflowc.database.statements import Statement, split_statements
from pgflowc.project import CONFIG

_NAME = re.compile(r"(\d+)_.+\.sql")
_DELETES = re.compile(r"\bpgflow\.delete_flow_and_data\b|\bpgflowc\.remove_step\b")


@dataclass(frozen=True, slots=True)
class Migration:
    """A file `NNNN_what.sql`: its path for people, its text, and sha256 of its bytes in hexadecimal."""

    name: str
    path: str
    text: str
    checksum: str

    @property
    def deletes_runs(self) -> bool:
        """Whether it calls what deletes runs, or parts of them."""
        return _DELETES.search(self.text) is not None

    @property
    def number(self) -> int:
        """The number that the name begins with."""
        return int(self.name.partition("_")[0])


@dataclass(frozen=True, slots=True)
class MigrationState:
    """`applied` and `pending` in order; `changed`: applied files that are no longer the same, with the
    checksum applied; `missing`: names applied that have no file; `late`: pending ones numbered below an
    applied one."""

    applied: tuple[Migration, ...]
    pending: tuple[Migration, ...]
    changed: tuple[tuple[Migration, str], ...]
    missing: tuple[str, ...]
    late: tuple[Migration, ...]


def project_migrations(root: Path) -> tuple[str | None, tuple[Migration, ...]]:
    """The name under which the migrations of the project in `root` are recorded, and its files.

    (None, ()) without a project, and where another tool applies them. Raises DatabaseError.
    """
    project = configured_project(root)
    if project is None or project.settings.migrations_format != "plain":
        return None, ()
    files = read_migrations(project.migrations_dir, project.root)
    if files and project.package is None:
        raise DatabaseError(
            f"{CONFIG} names no package, under which the applied migrations are recorded",
            help='add the line: package = "shop"',
        )
    return project.package, files


def read_migrations(directory: Path, root: Path) -> tuple[Migration, ...]:
    """The migrations in `directory` by number, without down migrations. Raises DatabaseError."""
    try:
        files = (
            [file for file in directory.iterdir() if _is_migration(file.name)] if directory.exists() else []
        )
        return tuple(
            sorted((_read(file, root) for file in files), key=lambda found: (found.number, found.name))
        )
    except OSError as error:
        raise DatabaseError(f"cannot read {error.filename or directory}: {error.strerror}") from error


def compare(files: Sequence[Migration], applied: Mapping[str, str]) -> MigrationState:
    """What of `files` is done, given the names and checksums that the database recorded."""
    highest = max((found.number for found in files if found.name in applied), default=-1)
    pending = tuple(found for found in files if found.name not in applied)
    return MigrationState(
        applied=tuple(found for found in files if found.name in applied),
        pending=pending,
        changed=tuple(
            (found, applied[found.name])
            for found in files
            if found.name in applied and applied[found.name] != found.checksum
        ),
        missing=tuple(sorted(set(applied) - {found.name for found in files})),
        late=tuple(found for found in pending if found.number < highest),
    )


def recorded_migrations(connection: psycopg.Connection, project: str) -> dict[str, str]:
    """Name -> checksum of what `project` has applied; empty where nothing is installed."""
    tracked = connection.execute("select pg_catalog.to_regclass('pgflowc.applied_migrations')").fetchone()
    if tracked is None or tracked[0] is None:
        return {}
    rows = connection.execute(
        "select name, checksum from pgflowc.applied_migrations where project = %s", (project,)
    )
    return dict(rows.fetchall())


def up_to(state: MigrationState, number: int | None) -> tuple[Migration, ...]:
    """What of the pending migrations leads up to `number`, all without one.

    Raises DatabaseError (a finding) when no migration has a number as high, or the database is beyond it.
    """
    if number is None:
        return state.pending
    known = [*state.applied, *state.pending]
    highest = max((one.number for one in known), default=0)
    if number > highest:
        raise DatabaseError(
            f"there is no migration {number}: the last one is {highest}"
            if known
            else f"there is no migration {number}: there are none",
            help="`pgflowc db status` lists them",
            finding=True,
        )
    beyond = [one for one in state.applied if one.number > number]
    if beyond:
        raise DatabaseError(
            f"{beyond[-1].path} is applied, which is beyond {number}",
            help=f"pgflowc db rollback --to {number}  (goes down)",
            finding=True,
        )
    return tuple(one for one in state.pending if one.number <= number)


def down_to(state: MigrationState, number: int | None) -> tuple[Migration, ...]:
    """What of the applied migrations is above `number`, without one the last alone; the newest comes first.

    Raises DatabaseError (a finding) when one that was applied after these, and may need them, has no file.
    """
    applied = state.applied[::-1]
    chosen = applied[:1] if number is None else tuple(one for one in applied if one.number > number)
    lost = [name for name in state.missing if chosen and int(name.partition("_")[0]) >= chosen[-1].number]
    if lost:
        verb = "is" if len(lost) == 1 else "are"
        raise DatabaseError(
            f"{', '.join(lost)} {verb} applied, too, and not among the files here",
            help="undo migrations from a checkout that has them",
            finding=True,
        )
    return chosen


def apply_migrations(
    connection: psycopg.Connection,
    project: str,
    files: Sequence[Migration],
    *,
    to: int | None = None,
    wait: int = WAIT_SECONDS,
) -> Iterator[Migration]:
    """Apply what is pending (up to the number `to`), each file in one transaction together with its record;
    hands out each one done.

    Raises DatabaseError (a finding) when an applied file was changed, before anything is done, and when a
    migration fails: nothing of it stays, those before it do. Raises it, too, when another process changes the
    database for more than `wait` seconds, or undoes what comes before.
    """
    state = compare(files, recorded_migrations(connection, project))
    refuse_changed(state)
    before = {migration.name for migration in state.applied}
    for migration in up_to(state, to):
        with exclusive_transaction(connection, wait):
            recorded = recorded_migrations(connection, project)
            if before - recorded.keys():
                raise _interfered("undone", before - recorded.keys())
            before.add(migration.name)
            # Another process may have applied it while this one waited.
            if migration.name in recorded:
                continue
            _run(connection, migration)
            connection.execute(_record(project, migration))
        yield migration


def migration_sql(project: str, migration: Migration) -> str:
    """What `apply_migrations` runs for a migration, its record included, as one transaction.

    Raises DatabaseError (a finding) when it begins or ends a transaction itself.
    """
    list(_statements(migration, "pgflowc db up"))
    text = migration.text.rstrip()
    # The last statement may do without a semicolon, and a comment may follow it.
    *_, last = split_statements(f"{text}\nx")
    end = "" if last.text == "x" else "\n;"
    record = _record(project, migration).as_string()
    return f"-- {migration.path}\nBEGIN;\n{text}{end}\n{record};\nCOMMIT;\n"


def read_undo(directory: Path, root: Path, migration: Migration) -> Migration:
    """The `.down.sql` of an applied migration. Raises DatabaseError when there is none."""
    file = directory / f"{migration.name.removesuffix('.sql')}.down.sql"
    if not file.exists():
        raise DatabaseError(f"{migration.path} has no {file.name}, so nothing is known that undoes it")
    return _read(file, root)


def undo_migrations(
    connection: psycopg.Connection,
    project: str,
    undos: Sequence[tuple[Migration, Migration]],
    *,
    wait: int = WAIT_SECONDS,
) -> Iterator[Migration]:
    """Undo applied migrations, given with what undoes each, in that order; hands out each one undone.

    Each in one transaction together with its record. Raises DatabaseError (a finding) when one fails: nothing
    of it stays, those before it are undone. Raises it, too, when another process changes the database for
    more than `wait` seconds, or applies what would come after.
    """
    before = set(recorded_migrations(connection, project))
    for migration, undo in undos:
        with exclusive_transaction(connection, wait):
            recorded = recorded_migrations(connection, project)
            if recorded.keys() - before:
                raise _interfered("applied", recorded.keys() - before)
            before.discard(migration.name)
            if migration.name not in recorded:
                continue
            _run(connection, undo, again="pgflowc db rollback")
            connection.execute(
                "delete from pgflowc.applied_migrations where project = %s and name = %s",
                (project, migration.name),
            )
        yield migration


def _interfered(what: str, names: Set[str]) -> DatabaseError:
    return DatabaseError(
        f"another process has {what} {', '.join(sorted(names))} meanwhile, so nothing more was done",
        help="`pgflowc db status` shows what is applied",
    )


def refuse_changed(state: MigrationState) -> None:
    """Raise DatabaseError when a file that was applied is no longer the same."""
    if not state.changed:
        return
    changed = ", ".join(
        f"{found.path} (applied {before[:8]}, now {found.checksum[:8]})" for found, before in state.changed
    )
    raise DatabaseError(
        f"changed after it was applied: {changed}",
        help=f"git checkout {state.changed[0][0].path}  (what is applied stays; changes are new migrations)",
        finding=True,
    )


def _record(project: str, migration: Migration) -> sql.Composed:
    return sql.SQL(
        "insert into pgflowc.applied_migrations (project, name, checksum) values ({}, {}, {})"
    ).format(project, migration.name, migration.checksum)


def _statements(migration: Migration, again: str) -> Iterator[Statement]:
    """Its statements. Raises DatabaseError (a finding) at one that begins or ends a transaction."""
    for statement in split_statements(migration.text):
        if statement.ends_transaction:
            reason = f"`{statement.words[0]}`: a migration is one transaction, it cannot begin or end another"
            raise _fails(migration, statement.line, reason, again)
        yield statement


def _run(connection: psycopg.Connection, migration: Migration, again: str = "pgflowc db up") -> None:
    statements = list(_statements(migration, again))
    # Deferred constraints are checked here, where their failure still has a file to name.
    last = Statement("set constraints all immediate", statements[-1].line if statements else 1, ())
    for statement in (*statements, last):
        try:
            connection.execute(statement.text)
        except psycopg.errors.InsufficientPrivilege as error:
            raise statement_failed(connection, error) from error
        except psycopg.Error as error:
            # Some of what a statement itself fails with counts as operational, too: a lock that is not given.
            if isinstance(error, psycopg.OperationalError) and (connection.closed or not error.sqlstate):
                raise
            raise _fails(migration, _line(statement, error), _reason(error), again, error) from error
    # What the file set for its session (a search_path, a role) ends with it.
    connection.execute("reset session authorization")
    connection.execute("reset all")


def _line(statement: Statement, error: psycopg.Error) -> int:
    position = error.diag.statement_position
    return statement.line + (statement.text.count("\n", 0, int(position) - 1) if position else 0)


def _reason(error: psycopg.Error) -> str:
    diag = error.diag
    extra = [text for text in (diag.message_detail, diag.message_hint) if text]
    return ". ".join(text.rstrip(".") for text in (diag.message_primary or str(error).strip(), *extra))


def _fails(
    migration: Migration, line: int, reason: str, again: str, error: psycopg.Error | None = None
) -> DatabaseError:
    # Only time mends these.
    later = isinstance(error, psycopg.errors.ObjectInUse | psycopg.errors.LockNotAvailable)
    todo = f"run `{again}` again later" if later else f"correct it and run `{again}` again"
    return DatabaseError(
        f"{migration.path}:{line}: {reason}",
        help=f"nothing of this migration was kept; {todo}",
        finding=True,
    )


def _is_migration(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and not name.endswith(".down.sql")


def _read(file: Path, root: Path) -> Migration:
    content = file.read_bytes()
    path = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DatabaseError(
            f"{path}:{line}: not UTF-8", help="save the file as UTF-8", finding=True
        ) from None
    if "\0" in text:
        raise DatabaseError(f"{path}: holds a NUL byte, it is no SQL text", finding=True)
    return Migration(file.name, path, text, hashlib.sha256(content).hexdigest())
