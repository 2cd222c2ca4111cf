"""Which database a command works on, and how to say so without saying a password."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from pgflowc.database.embedded import EmbeddedServer
from pgflowc.database.errors import DatabaseError, NotRunningError
from pgflowc.diagnostics import Report
from pgflowc.project import CONFIG, Project, load_project

Source = Literal["--dsn", "PGFLOWC_DSN", "pgflowc.toml", "PG*", "embedded"]

# The libpq variables that say which server, database or role is meant.
_LIBPQ = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER")
_PLACE = ("host", "port", "dbname", "user")


@dataclass(frozen=True, slots=True)
class ResolvedDsn:
    """A connection string for libpq ("" lets libpq read its PG* variables) and where it was found."""

    dsn: str
    source: Source

    @property
    def display(self) -> str:
        """The DSN for people and logs: without passwords."""
        return without_password(self.dsn)


def resolve_dsn(explicit: str | None, project_root: Path, *, start_embedded: bool) -> ResolvedDsn:
    """The database to use: --dsn, PGFLOWC_DSN, pgflowc.toml, PG* variables, else the embedded server.

    With `start_embedded` that server is started if need be. Raises DatabaseError when the DSN cannot be read,
    and when the embedded server is meant and cannot be, or must not be, started.
    """
    if explicit is not None:
        return _checked(explicit, "--dsn")
    if os.environ.get("PGFLOWC_DSN"):
        return _checked(os.environ["PGFLOWC_DSN"], "PGFLOWC_DSN")
    project = configured_project(project_root)
    if project is not None and project.dsn:
        return _checked(project.dsn, "pgflowc.toml")
    if any(os.environ.get(name) for name in _LIBPQ):
        return ResolvedDsn("", "PG*")
    server = EmbeddedServer.of(project_root)
    if start_embedded:
        return ResolvedDsn(server.start(), "embedded")
    dsn = server.running_dsn()
    if dsn is None:
        raise NotRunningError("the project's embedded PostgreSQL is not running", help="pgflowc db up")
    return ResolvedDsn(dsn, "embedded")


def configured_project(project_root: Path) -> Project | None:
    """The project in that directory; None without a pgflowc.toml, DatabaseError when that has a fault."""
    if not (project_root / CONFIG).exists():
        return None
    report = Report()
    project = load_project(project_root, report)
    if project is None:
        first = report.sorted()[0]
        place = f"{first.span.path}:{first.span.start.line}: " if first.span else ""
        raise DatabaseError(place + first.message, help=" ".join(first.help), finding=True)
    return project


def without_password(dsn: str) -> str:
    """`dsn` as a URI without its passwords; for an empty one, where the PG* variables lead."""
    values = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    if not dsn:
        defaults = ((option.keyword.decode(), option.val) for option in Conninfo.get_defaults())
        values = {name: value.decode() for name, value in defaults if value and name in _PLACE}
    secret = {name for name in values if "password" in name} | {"passfile"}
    user, host, port, database = (values.pop(name, "") for name in ("user", "host", "port", "dbname"))
    rest = {name: value for name, value in values.items() if name not in secret}
    authority = f"{quote(user, safe='')}@" if user else ""
    if host.startswith("/"):
        rest = {"host": host, **({"port": port} if port else {}), **rest}
    else:
        authority += host + (f":{port}" if port else "")
    query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in rest.items())
    return f"postgresql://{authority}/{quote(database, safe='')}" + (f"?{query}" if query else "")


def _checked(dsn: str, source: Source) -> ResolvedDsn:
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # libpq's own message repeats the text, password included.
        raise DatabaseError(
            f"the DSN from {source} is neither a PostgreSQL URI nor a list of key=value",
            help="write it as postgresql://user:password@host:5432/database",
        ) from None
    return ResolvedDsn(dsn, source)
