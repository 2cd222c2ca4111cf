"""Connections, and what a failed one or a failed statement means in one line with the way out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.errors import DatabaseError

OLDEST_SERVER = 14
_CONNECT_SECONDS = 10

# What servers and libpq say, and the way out. A server that speaks another language gets the general one.
_CONNECT_HELP = (
    ("password authentication failed", "check user and password of the DSN"),
    ("no password supplied", "add the password to the DSN, or set PGPASSWORD or a .pgpass file"),
    ("pg_hba.conf", "the server's pg_hba.conf must allow this user and host"),
    ("does not exist", "create it (createdb, createuser), or correct the DSN"),
    ("connection refused", "start the server there, or correct host and port of the DSN"),
    ("no such file or directory", "start the server there, or correct host and port of the DSN"),
    ("translate host name", "correct the host of the DSN"),
    ("resolve host", "correct the host of the DSN"),
    ("timeout expired", "check that host and port of the DSN can be reached from here"),
    ("too many clients", "wait, or raise max_connections of the server"),
    ("remaining connection slots", "wait, or raise max_connections of the server"),
)


@contextmanager
def connect(resolved: ResolvedDsn) -> Iterator[psycopg.Connection]:
    """An autocommit connection, closed afterwards; psycopg's errors come out as DatabaseError.

    Refuses servers older than PostgreSQL 14.
    """
    given = conninfo_to_dict(resolved.dsn)
    timeout = given.get("connect_timeout") or os.environ.get("PGCONNECT_TIMEOUT") or _CONNECT_SECONDS
    try:
        connection = psycopg.connect(
            resolved.dsn,
            autocommit=True,
            application_name="pgflowc",
            prepare_threshold=None,
            connect_timeout=timeout,
        )
    except psycopg.OperationalError as error:
        raise _no_connection(resolved, error) from None
    with connection:
        try:
            # Installing waits for a lock and must then see what the one before did.
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            _refuse_old_server(connection)
            yield connection
        except psycopg.Error as error:
            raise statement_failed(connection, error) from error


def statement_failed(connection: psycopg.Connection, error: psycopg.Error) -> DatabaseError:
    """What a failed statement of ours means."""
    reason = error.diag.message_primary or str(error).strip().splitlines()[0]
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        database, user = connection.info.dbname, connection.info.user
        return DatabaseError(
            f"role {user} lacks a right in database {database}: {reason}",
            help=f'connect as the owner; to install: grant create on database "{database}" to "{user}"',
        )
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return DatabaseError(
            f"database {connection.info.dbname} is read-only here: {reason}",
            help="connect to the primary server",
        )
    if connection.closed or isinstance(error, psycopg.OperationalError):
        return DatabaseError(f"the connection to the database broke: {reason}", help="run the command again")
    return DatabaseError(f"PostgreSQL refused a statement: {reason}")


def _no_connection(resolved: ResolvedDsn, error: psycopg.OperationalError) -> DatabaseError:
    lines = [line.strip(" \t-") for line in str(error).splitlines() if line.strip()]
    reason = lines[0].removeprefix("connection failed: ").removeprefix("connection is bad: ")
    if reason.startswith("Multiple connection attempts") and len(lines) > 1:
        reason = lines[1]
    text = str(error).lower()
    help = next((way for sign, way in _CONNECT_HELP if sign in text), "check the DSN and the server")
    if resolved.source == "embedded":
        help = "pgflowc db up"
    return DatabaseError(f"no connection to {resolved.display} (from {resolved.source}): {reason}", help=help)


def _refuse_old_server(connection: psycopg.Connection) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER * 10000:
        raise DatabaseError(
            f"the server is PostgreSQL {version // 10000}, pgflowc needs {OLDEST_SERVER} or later",
            help="upgrade the server, or name another with --dsn",
        )
