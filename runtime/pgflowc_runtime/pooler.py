"""Poolers between us and the server (pgbouncer, say), whose sessions may change hands after each transaction.

What stays behind in a session is then not ours any more: prepared statements, LISTEN, session locks. A pooler
is known by the process id that it gives at connecting, which is not the server's own.
"""

from __future__ import annotations

from typing import Any

import psycopg

_OWN_PROCESS = "select pg_backend_pid()"


async def is_pooled(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether a pooler is at the other end; raises psycopg.Error."""
    cursor = psycopg.AsyncCursor(connection, row_factory=psycopg.rows.tuple_row)
    await cursor.execute(_OWN_PROCESS, prepare=False)
    return await cursor.fetchone() != (connection.info.backend_pid,)


async def adapt(connection: psycopg.AsyncConnection[Any]) -> None:
    """Do without prepared statements if a pooler is at the other end; raises psycopg.Error."""
    if await is_pooled(connection):
        connection.prepare_threshold = None


def adapt_in_thread(connection: psycopg.Connection[Any]) -> None:
    """`adapt` for a connection of synchronous code."""
    cursor = psycopg.Cursor(connection, row_factory=psycopg.rows.tuple_row)
    cursor.execute(_OWN_PROCESS, prepare=False)
    if cursor.fetchone() != (connection.info.backend_pid,):
        connection.prepare_threshold = None
