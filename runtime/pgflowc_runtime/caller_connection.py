"""The caller's own connection: statements executed on it take part in the caller's transaction.

psycopg's connections, SQLAlchemy's Session and Connection and Django's connection are recognised by the
modules that their classes come from, so none of them is imported. Whatever the driver beneath, its errors
come out as `Refused`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pgflowc_runtime.call import Execute, ExecuteAsync, Refused, refused
from pgflowc_runtime.errors import ConfigurationError
from pgflowc_runtime.queries import Query
from pgflowc_runtime.queries.query import Row

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_SYNC = "a psycopg Connection, a SQLAlchemy Session or Connection, or django.db.connection"
_ASYNC = "a psycopg AsyncConnection, or a SQLAlchemy AsyncSession or AsyncConnection"


def joined(connection: Any) -> Execute:
    """Executes on the caller's connection; raises ConfigurationError if it is none that can be used."""
    if isinstance(connection, psycopg.Connection):
        return lambda query: _on_psycopg(connection, query)
    match _framework(type(connection)):
        case "sqlalchemy":
            return lambda query: _on_sqlalchemy(connection, query)
        case "django":
            if connection.vendor != "postgresql":
                raise ConfigurationError(f"Django's connection leads to {connection.vendor}, not PostgreSQL")
            return lambda query: _on_django(connection, query)
    raise _unfit(connection, wanted=_SYNC, other=_is_async(connection), client="AsyncClient")


def joined_async(connection: Any) -> ExecuteAsync:
    """`joined` for connections of an event loop."""
    if isinstance(connection, psycopg.AsyncConnection):
        return lambda query: _on_async_psycopg(connection, query)
    if _framework(type(connection)) == "sqlalchemy async":
        return lambda query: _on_async_sqlalchemy(connection, query)
    blocking = isinstance(connection, psycopg.Connection) or _framework(type(connection)) is not None
    raise _unfit(connection, wanted=_ASYNC, other=blocking, client="Client")


def _is_async(connection: object) -> bool:
    return isinstance(connection, psycopg.AsyncConnection) or (
        _framework(type(connection)) == "sqlalchemy async"
    )


def _unfit(connection: object, *, wanted: str, other: bool, client: str) -> ConfigurationError:
    kind = f"{type(connection).__module__}.{type(connection).__qualname__}"
    return ConfigurationError(
        f"connection= takes {wanted}, not a {kind}", help=f"{client} takes it" if other else ""
    )


def _framework(kind: type) -> str | None:
    """sqlalchemy, sqlalchemy async, django or None."""
    for base in kind.__mro__:
        package, name = base.__module__.partition(".")[0], base.__name__
        if package == "sqlalchemy":
            if name in ("AsyncSession", "AsyncConnection", "async_scoped_session"):
                return "sqlalchemy async"
            if name in ("Session", "Connection", "scoped_session"):
                return "sqlalchemy"
        if package == "django" and name in ("ConnectionProxy", "BaseDatabaseWrapper"):
            return "django"
    return None


def _on_psycopg(connection: psycopg.Connection[Any], query: Query[Any]) -> Any:
    # Not connection.cursor(): the caller may have set another kind of cursor or rows.
    try:
        with psycopg.Cursor(connection, row_factory=dict_row) as cursor:
            return query.decode(cursor.execute(query.sql, query.params).fetchall())
    except psycopg.Error as error:
        raise refused(error) from error


async def _on_async_psycopg(connection: psycopg.AsyncConnection[Any], query: Query[Any]) -> Any:
    try:
        async with psycopg.AsyncCursor(connection, row_factory=dict_row) as cursor:
            await cursor.execute(query.sql, query.params)
            return query.decode(await cursor.fetchall())
    except psycopg.Error as error:
        raise refused(error) from error


def _on_sqlalchemy(connection: Any, query: Query[Any]) -> Any:
    from sqlalchemy.exc import DBAPIError

    try:
        return query.decode(_mappings(connection.execute(_text(query.sql), dict(query.params))))
    except DBAPIError as error:
        raise _of_driver(error, error.orig) from error


async def _on_async_sqlalchemy(connection: Any, query: Query[Any]) -> Any:
    from sqlalchemy.exc import DBAPIError

    try:
        return query.decode(_mappings(await connection.execute(_text(query.sql), dict(query.params))))
    except DBAPIError as error:
        raise _of_driver(error, error.orig) from error


def _mappings(result: Any) -> Sequence[Row]:
    return [dict(row) for row in result.mappings()]


@lru_cache(maxsize=64)
def _text(sql: str) -> Any:
    """The statement with SQLAlchemy's placeholders; the blank keeps `:name` apart from a cast's colons."""
    from sqlalchemy import text

    return text(_PLACEHOLDER.sub(r":\1 ", sql))


def _on_django(connection: Any, query: Query[Any]) -> Any:
    from django.db import Error  # type: ignore[import-untyped]

    try:
        with connection.cursor() as cursor:
            cursor.execute(query.sql, dict(query.params))
            names = [column[0] for column in cursor.description]
            return query.decode([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])
    except Error as error:
        raise _of_driver(error, error.__cause__) from error


def _of_driver(error: Exception, cause: BaseException | None) -> Refused:
    """What a framework raised around its driver's error."""
    if isinstance(cause, psycopg.Error):
        told = refused(cause)
        return Refused(error, sqlstate=told.sqlstate, message=told.message, transient=told.transient)
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    message = str(cause or error).strip().partition("\n")[0]
    return Refused(error, sqlstate=state, message=message, transient=False)
