"""Migrations to files, in the format of the tool that applies them.

`plain` has a file for each direction. `supabase` has no way back, and would apply a `.down.sql` like any
other. `dbmate` has both directions in one file, `alembic` in a Python module. Each tool, and `pgflowc db up`,
runs a file in one transaction of its own.
"""

from __future__ import annotations

import re

from pgflowc.plan import Migration, MigrationFormat
from pgflowc.plan.ops import CreateVersion, Op, OrderSteps, SwitchVersion
from pgflowc.plan.revisions import revision_of
from pgflowc.render.header import origin
from pgflowc.render.literals import one_line, python_text
from pgflowc.render.statements import statements
from pgflowc.render.templates import fill
from pgflowc.resources import resource_root

# A change of a flow waits for starts in flight; meanwhile later starts queue up behind it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
_READ_BY_SQLALCHEMY = re.compile(r"(?<!:):\w|\\:")


def migration_file(name: str, format: MigrationFormat) -> str:
    """The name of the file that the lock records for a migration."""
    return f"{name}.py" if format == "alembic" else f"{name}.sql"


def render_migration(migration: Migration, format: MigrationFormat = "plain") -> dict[str, str]:
    """The files of a migration by name: the recorded one, and in the plain format its `.down.sql`."""
    up = [LOCK_TIMEOUT, *statements(migration.up)]
    down = [LOCK_TIMEOUT, *statements(migration.down)]
    up_comments, down_comments = _up_comments(migration), _down_comments(migration)
    origin_ = origin(migration.source)
    file = migration_file(migration.name, format)
    if format == "alembic":
        up_calls, down_calls = [*map(for_alembic, up)], [*map(for_alembic, down)]
        return {
            file: fill(
                "alembic.py.jinja",
                origin=origin_,
                up_comments=up_comments,
                down_comments=down_comments,
                revision=python_text(revision_of(migration.name)),
                follows=python_text(migration.follows) if migration.follows else None,
                up=up_calls,
                down=down_calls,
                has_ddl=any(call.startswith("DDL(") for call in (*up_calls, *down_calls)),
            )
        }
    sql_origin = origin_.replace("#", "--", 1)
    if format == "dbmate":
        both = fill(
            "dbmate.sql.jinja",
            origin=sql_origin,
            up_comments=up_comments,
            down_comments=down_comments,
            up=up,
            down=down,
        )
        return {file: both}
    files = {file: _sql(sql_origin, up_comments, up)}
    if format == "plain":
        files[f"{migration.name}.down.sql"] = _sql(sql_origin, down_comments, down)
    return files


def targeted_versions(text: str) -> dict[str, int]:
    """The versions of the components whose functions a migration calls, as this pgflowc carries them."""
    return {
        component: int((resource_root() / "sql" / component / "version").read_text("utf-8"))
        for component, schema in (("core", "pgflow."), ("pgflowc", "pgflowc."))
        if f"SELECT {schema}" in text
    }


def _sql(origin_: str, comments: list[str], found: list[str]) -> str:
    return fill("migration.sql.jinja", origin=origin_, comments=comments, statements=found)


def _up_comments(migration: Migration) -> list[str]:
    title = f"{migration.kind} {migration.flow}"
    match migration.verb:
        case "create":
            return [f"Creates {title}{_described(migration)}"]
        case "drop":
            return [f"Deletes {title}, its queue and its runs. Refused while runs are alive."]
        case "change":
            return [f"Changes {title}:", *_lines(migration.up), *_warnings(migration.up)]
        case "version":
            return [*_version(migration), "Runs start on the current version until that is switched."]
        case "switch":
            others = tuple(op for op in migration.up if not isinstance(op, SwitchVersion))
            lead = f"Lets runs of {title} start on version {migration.version}"
            return [f"{lead}, and:" if others else f"{lead}.", *_lines(others)]
        case "retire":
            return [
                f"Deletes version {migration.version} of {title}, its queue and its finished runs.",
                "Refused while runs are alive.",
            ]


def _down_comments(migration: Migration) -> list[str]:
    title, undoes = f"{migration.kind} {migration.flow}", f"Undoes {migration.name}:"
    match migration.verb:
        case "create":
            return [
                f"{undoes} deletes {title}, its queue and its finished runs. Refused while runs are alive."
            ]
        case "version":
            return [
                f"{undoes} deletes version {migration.version} of {title}, its queue and its finished runs.",
                "Refused while runs are alive.",
            ]
        case "drop":
            lines = [f"{undoes} creates {title} again."]
        case "retire":
            lines = [f"{undoes} creates version {migration.version} of {title} again."]
        case "change" | "switch":
            lines = [undoes, *_lines(migration.down), *_warnings(migration.down)]
    return [*lines, *(f"Irreversible: it does not bring back {lost}." for lost in migration.lost)]


def _version(migration: Migration) -> list[str]:
    """What is new about a version, operation by operation."""
    changes = [one for op in migration.up if isinstance(op, CreateVersion) for one in op.changes]
    title = f"{migration.kind} {migration.flow}"
    return [
        f"Creates version {migration.version} of {title}:",
        *(f"  {one_line(change)}" for change in changes),
    ]


def _warnings(ops: tuple[Op, ...]) -> list[str]:
    refused = ["Refused while runs are alive."] if any(op.needs_drain for op in ops) else []
    return [*refused, *(f"It deletes {op.lost}." for op in ops if op.lost)]


def _described(migration: Migration) -> str:
    return f": {one_line(migration.description)}" if migration.description else "."


def _lines(ops: tuple[Op, ...]) -> list[str]:
    return [f"  {one_line(op.line)}" for op in ops if not isinstance(op, OrderSteps)]


def for_alembic(statement: str) -> str:
    r"""The Python expression of a statement for `op.execute`.

    SQLAlchemy takes `:name` in a plain text for a parameter and `\:` for an escape; it leaves a `DDL` alone.
    """
    if _READ_BY_SQLALCHEMY.search(statement) is None:
        return python_text(statement)
    return f"DDL({python_text(statement.replace('%', '%%'))})"
