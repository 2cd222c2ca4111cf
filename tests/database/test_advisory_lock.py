"""Whoever gets the lock sees what its holder before did."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from pgflowc.database.advisory_lock import exclusive_transaction

LOOK = "select to_regclass('fresh.thing') is not null"
WAITERS = """
select count(*) from pg_locks
where not granted and locktype = 'advisory'
and database = (select oid from pg_database where datname = current_database())"""


def test_what_was_created_meanwhile_is_seen(empty_dsn: str) -> None:
    def look_when_free() -> object:
        with exclusive_transaction(late):
            return late.execute(LOOK).fetchone()

    with (
        psycopg.connect(empty_dsn, autocommit=True) as late,
        psycopg.connect(empty_dsn, autocommit=True) as early,
        ThreadPoolExecutor(1) as pool,
    ):
        # The server now remembers, for this connection, that there is no such schema.
        with exclusive_transaction(late):
            assert late.execute(LOOK).fetchone() == (False,)
        with exclusive_transaction(early):
            early.execute("create schema fresh create table thing ()")
            seen = pool.submit(look_when_free)
            deadline = time.monotonic() + 20
            while early.execute(WAITERS).fetchone() != (1,):
                assert time.monotonic() < deadline
        assert seen.result(timeout=20) == (True,)
