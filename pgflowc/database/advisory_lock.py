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
WAIT_SECONDS = 120
"""How long the lock is waited for, if nobody says otherwise: longer than most migrations take."""

# The server keeps timeouts as 32-bit milliseconds.
_LONGEST_WAIT = (2**31 - 1) // 1000


@contextmanager
def exclusive_transaction(connection: psycopg.Connection, wait: int = WAIT_SECONDS) -> Iterator[None]:
    """A transaction that no other change of this database overlaps.

    Raises DatabaseError when another one is not over after `wait` seconds, at once if that is 0.
    """
    with connection.transaction():
        if not _locked(connection, wait):
            raise DatabaseError(
                f"another process is changing this database{_holder(connection)}"
                + (f", waited {wait} s" if wait else ""),
                help="wait for it (db up and db rollback have --wait-lock 10m), or end it",
            )
        # An advisory lock, unlike one of a table, does not make the server hear of what others created
        # meanwhile: to_regclass() could still answer from its cache that there is nothing. A query does.
        connection.execute("select from pg_catalog.pg_class limit 0")
        _notice_a_dead_client(connection)
        yield


def _locked(connection: psycopg.Connection, wait: int) -> bool:
    if wait == 0:
        # A lock_timeout of 0 would be none.
        row = connection.execute("select pg_try_advisory_xact_lock(%s)", (_KEY,)).fetchone()
        return row == (True,)
    try:
        with connection.transaction():
            connection.execute(f"set local lock_timeout = '{min(wait, _LONGEST_WAIT)}s'")
            connection.execute("select pg_advisory_xact_lock(%s)", (_KEY,))
            connection.execute("set local lock_timeout = 0")
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _holder(connection: psycopg.Connection) -> str:
    """Who has the lock, to be put behind a sentence; "" if it is free by now."""
    row = connection.execute(
        """select l.pid, a.application_name, pg_catalog.host(a.client_addr)
           from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a on a.pid = l.pid
           where l.locktype = 'advisory' and l.granted and l.objsubid = 1
             and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
             and (l.classid::bigint << 32) | l.objid::bigint = %s""",
        (_KEY,),
    ).fetchone()
    if row is None:
        return ""
    pid, program, host = row
    words = [f"pid {pid}", *([program] if program else []), *([f"from {host}"] if host else [])]
    return f" ({', '.join(words)})"


def _notice_a_dead_client(connection: psycopg.Connection) -> None:
    """Have the server give up a long statement, and with it the lock, when this process is gone."""
    try:
        with connection.transaction():
            connection.execute("set local client_connection_check_interval = '2s'")
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject):
        return  # not every platform can; there the statement runs to its end before the lock is free
