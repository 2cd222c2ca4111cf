"""One look at a database: all that is read is of one moment, nothing is written, and nothing takes long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

STATEMENT_SECONDS = 30


@contextmanager
def snapshot(connection: psycopg.Connection, *, seconds: float = STATEMENT_SECONDS) -> Iterator[None]:
    """A read-only, repeatable-read transaction, of which no statement runs longer than that.

    `connection` is in autocommit mode, as `connect` gives it. A statement that takes longer raises
    psycopg.errors.QueryCanceled.
    """
    before = connection.isolation_level, connection.read_only
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    try:
        with connection.transaction():
            connection.execute(f"set local statement_timeout = {max(1, round(seconds * 1000))}".encode())
            yield
    finally:
        if not connection.closed:
            connection.isolation_level, connection.read_only = before
