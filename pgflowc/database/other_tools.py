"""What other tools recorded of the migrations that they applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import psycopg

from pgflowc.plan.revisions import ancestors, revision_of
from pgflowc.settings import MigrationFormat

# Where each tool keeps what it applied, unless it was told otherwise.
_APPLIED: Mapping[MigrationFormat, tuple[str, bytes]] = {
    "supabase": (
        "supabase_migrations.schema_migrations",
        b"select version::text from supabase_migrations.schema_migrations",
    ),
    "dbmate": ("schema_migrations", b"select version::text from schema_migrations"),
    "alembic": ("alembic_version", b"select version_num from alembic_version"),
}


def applied_by(
    connection: psycopg.Connection, format: MigrationFormat, present: Mapping[str, bytes]
) -> Callable[[str], bool] | None:
    """Tells whether the tool of that format applied a migration, by the name of its file; None where the tool
    has no table in this database. `present` are the files of migrations, for alembic's chain; reads only.

    Raises psycopg.Error as statements do.
    """
    table, query = _APPLIED[format]
    found = connection.execute("select pg_catalog.to_regclass(%s) is not null", [table]).fetchone()
    if found is None or not found[0]:
        return None
    versions = {row[0] for row in connection.execute(query)}
    if format == "alembic":
        done = ancestors(present, versions)
        return lambda name: revision_of(name.rpartition(".")[0]) in done
    return lambda name: name.partition("_")[0] in versions
