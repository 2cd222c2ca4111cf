"""Only one process at a time changes what is installed in a database.

The lock belongs to a transaction, not to a session, so it holds behind a pooler in transaction mode too, and
a killed process cannot leave it behind. Whoever gets it looks at the database again before doing anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pgflowc.database.errors import DatabaseError

# The first eight bytes of sha256('pgflowc db up'), as a signed number: nobody else's key by accident.
_KEY = int.from_bytes(bytes.fromhex("be30d7da69762866"), "big", signed=True)
_WAIT_SECONDS = 120


@contextmanager
def exclusive_transaction(connection: psycopg.Connection) -> Iterator[None]:
    """A transaction that no other change of this database overlaps; DatabaseError after two minutes."""
    with connection.transaction():
        try:
            connection.execute(f"set local lock_timeout = '{_WAIT_SECONDS}s'")
            connection.execute("select pg_advisory_xact_lock(%s)", (_KEY,))
        except psycopg.errors.LockNotAvailable:
            raise DatabaseError(
                f"another process has been changing this database for {_WAIT_SECONDS} s",
                help="wait for it, or end it; `select * from pg_locks where locktype = 'advisory'` shows it",
            ) from None
        connection.execute("set local lock_timeout = 0")
        # An advisory lock, unlike one of a table, does not make the server hear of what others created
        # meanwhile: to_regclass() could still answer from its cache that there is nothing. A query does.
        connection.execute("select from pg_catalog.pg_class limit 0")
        _notice_a_dead_client(connection)
        yield


def _notice_a_dead_client(connection: psycopg.Connection) -> None:
    """Have the server give up a long statement, and with it the lock, when this process is gone."""
    try:
        with connection.transaction():
            connection.execute("set local client_connection_check_interval = '2s'")
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject):
        return  # not every platform can; there the statement runs to its end before the lock is free
