"""pgmq, the queues under the core: what of it a database has, and installing its official SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import psycopg

from pgflowc.database.errors import DatabaseError

OLDEST = (1, 5, 1)

# What the core calls. The SQL-only install does not say its version, so these tell whether it will do.
_NEEDED = (
    "create(text)",
    "drop_queue(text)",
    "list_queues()",
    "send(text,jsonb,integer)",
    "send_batch(text,jsonb[],integer)",
    "read(text,integer,integer,jsonb)",
    "archive(text,bigint)",
    "archive(text,bigint[])",
    "set_vt(text,bigint,integer)",
    "format_table_name(text,text)",
)


@dataclass(frozen=True, slots=True)
class QueueLayer:
    """A pgmq that is installed: as an extension, as SQL by pgflowc ("sql"), or as SQL by somebody else.

    Only the first two know their version; `looks` tells it by what came with it: "1.10", "1.11 or later".
    """

    kind: Literal["extension", "sql", "foreign sql"]
    version: str | None
    missing: tuple[str, ...]
    looks: str = field(default="", compare=False)

    @property
    def fault(self) -> str | None:
        """Why the core cannot work on it; None when it can."""
        if self.version and _parts(self.version) < OLDEST:
            return f"pgmq {self.version} is too old, {'.'.join(map(str, OLDEST))} or later is needed"
        if self.missing:
            return f"pgmq lacks {', '.join(f'pgmq.{name}' for name in self.missing[:3])}"
        return None


def find_queue_layer(connection: psycopg.Connection, recorded: str | None) -> QueueLayer | None:
    """The database's pgmq, or None. `recorded` is the version that pgflowc noted when it installed it."""
    found = connection.execute(
        """select exists (select from pg_catalog.pg_namespace where nspname = 'pgmq'),
                  (select extversion from pg_catalog.pg_extension where extname = 'pgmq'),
                  pg_catalog.to_regclass('pgmq.meta') is not null,
                  case
                    when exists (select from pg_catalog.pg_attribute
                                 where attrelid = pg_catalog.to_regclass('pgmq.message_record')
                                   and attname = 'last_read_at')
                      then case when pg_catalog.to_regprocedure('pgmq.update_notify_insert(text,integer)')
                                  is not null then '1.11 or later' else '1.10' end
                    when pg_catalog.to_regprocedure('pgmq.read_grouped(text,integer,integer)') is not null
                      then '1.9'
                    when pg_catalog.to_regprocedure('pgmq.enable_notify_insert(text,integer)') is not null
                      then '1.8'
                    when pg_catalog.to_regprocedure('pgmq.disable_notify_insert(text)') is not null then '1.7'
                    else '1.5 or 1.6'
                  end"""
    ).fetchone()
    assert found is not None
    schema, extension, meta, looks = found
    # A schema alone is no install: some administrators create it beforehand, with grants.
    if not schema or not (meta or extension):
        return None
    missing = connection.execute(
        "select name from unnest(%s::text[]) with ordinality as needed (name, place) "
        "where pg_catalog.to_regprocedure('pgmq.' || name) is null order by place",
        (list(_NEEDED),),
    ).fetchall()
    kind: Literal["extension", "sql", "foreign sql"] = (
        "extension" if extension else "sql" if recorded else "foreign sql"
    )
    return QueueLayer(kind, extension or recorded, tuple(name for (name,) in missing), looks)


def shipped_queue_layer() -> tuple[str, str]:
    """The script of pgmq's official SQL, and its version. Raises DatabaseError."""
    from pgmq.install import PGMQInstallError, get_embedded_install_sql, get_embedded_sql_version

    try:
        return get_embedded_install_sql(), get_embedded_sql_version()
    except PGMQInstallError as error:
        raise DatabaseError(
            f"the package pgmq carries no SQL: {error}", help="pip install --upgrade pgmq"
        ) from error


def version_number(version: str) -> int:
    """`1.13.0` as 11300, the form in which pgflowc.installed_components holds it."""
    major, minor, patch = (*_parts(version), 0, 0, 0)[:3]
    return major * 10000 + minor * 100 + patch


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
