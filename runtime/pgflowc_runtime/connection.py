"""How the runtime connects, and what the failures of connecting mean."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgflowc_runtime.errors import ConfigurationError, DatabaseUnavailable

# A server that vanishes without a word (a failover, a dropped NAT entry) is noticed within a minute, not two
# hours.
_KEEPALIVE = {"keepalives_idle": "20", "keepalives_interval": "10", "keepalives_count": "3"}
_CONNECT_TIMEOUT = "10"

# SQLSTATE classes after which the same statement can succeed on another connection or a moment later:
# connection lost, insufficient resources, operator intervention, and the serialization failures and deadlocks
# of class 40.
_TRANSIENT_CLASSES = ("08", "53", "57", "40")
_LOCK_NOT_AVAILABLE = "55P03"
READ_ONLY = "25006"  # a standby, until the failover is complete

# Of a server that was reached and did not let us in, or threw us out.
_NO_CONNECTION = ("08", "28", "3D", "53", "57P")

# libpq gives connection failures no SQLSTATE. These mean that trying again is useless.
_HOPELESS = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "is not permitted to log in",
    "permission denied for database",
    "server does not support SSL",
)


def conninfo(dsn: str, application_name: str) -> str:
    """The DSN with our defaults where it says nothing; raises ConfigurationError if it is not a DSN."""
    text: Any = dsn
    if not isinstance(text, str):
        raise _no_dsn(f"a {type(text).__name__}")
    try:
        given: dict[str, Any] = conninfo_to_dict(text)
    except (psycopg.ProgrammingError, UnicodeEncodeError) as error:
        raise _no_dsn(headline(error)) from None
    defaults = {"application_name": application_name, "connect_timeout": _CONNECT_TIMEOUT, **_KEEPALIVE}
    return make_conninfo("", **{**defaults, **given})


def _no_dsn(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"not a PostgreSQL connection string: {reason}",
        help="it looks like postgresql://user@host:5432/database, or host=... dbname=...",
    )


def largest_pool(size: int) -> int:
    """The size itself; raises ConfigurationError if a pool cannot have it."""
    given: Any = size
    if not isinstance(given, int) or given < 1:
        raise ConfigurationError(f"pool_size is 1 or more connections, not {given!r}")
    return given


def address(dsn: str) -> str:
    """Where a DSN leads, for messages; never the password."""
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "the database"
    host = given.get("hostaddr") or given.get("host")
    place = f"{host}:{given['port']}" if host and given.get("port") else (host or "the local server")
    return f"database '{given['dbname']}' at {place}" if given.get("dbname") else f"the database at {place}"


def is_transient(error: BaseException) -> bool:
    """Whether the same statement may succeed if it is tried again."""
    if not isinstance(error, psycopg.Error):
        return isinstance(error, OSError)
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_TRANSIENT_CLASSES) or error.sqlstate in (
        _LOCK_NOT_AVAILABLE,
        READ_ONLY,
    )


def is_hopeless(error: psycopg.Error) -> bool:
    """Whether a failure to connect will not go away by waiting."""
    text = str(error)
    return any(sign in text for sign in _HOPELESS)


def unavailable(dsn: str, error: BaseException) -> DatabaseUnavailable:
    """The one-line error for a failure to connect, or for a statement that may succeed another time."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    if state is not None and not state.startswith(_NO_CONNECTION):
        return DatabaseUnavailable(
            f"{address(dsn)} did not carry this out: {headline(error)}", help="try again"
        )
    return DatabaseUnavailable(
        f"cannot connect to {address(dsn)}: {headline(error)}",
        help="start it (`pgflowc db up` starts the embedded one) or name another with --dsn or PGFLOWC_DSN",
    )


def headline(error: BaseException) -> str:
    """The most telling line of a database error: the last one that libpq gave for the last host it tried."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("connection", "FATAL")) or "failed:" in line]
    line = (telling or lines or [type(error).__name__])[-1 if telling else 0]
    for prefix in ("connection failed: ", "connection is bad: "):
        line = line.removeprefix(prefix)
    return line.removesuffix(":")
