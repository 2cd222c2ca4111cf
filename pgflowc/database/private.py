"""Servers and databases for tests: private, and gone when the tests are over or were killed."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgflowc.database.account import server_account
from pgflowc.database.binaries import embedded_binaries, usable_binaries
from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn

# Removes the server when its standard input closes: also when the process that has it is killed.
_KEEPER = """
import shutil, sys
from pathlib import Path
from pgflowc.database.cluster import Cluster
sys.stdin.read()
directory, binaries = map(Path, sys.argv[1:])
Cluster(directory / "data", binaries).delete()
shutil.rmtree(directory, ignore_errors=True)
"""
# Nothing here outlives a test, so nothing has to reach the disk.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "timezone": "UTC",
}
_numbers = itertools.count(1)


@contextmanager
def private_server(binaries: Path | None = None) -> Iterator[Cluster]:
    """A running server of this process's own; `binaries` are PostgreSQL's programs, by default the embedded
    ones. Raises DatabaseError.
    """
    directory = Path(tempfile.mkdtemp(prefix="pgflowc-tests-", dir="/tmp")).resolve()
    directory.chmod(0o755)
    data = directory / "data"
    account = server_account(data)
    programs = usable_binaries(binaries or embedded_binaries(), account, directory)
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEPER, directory, programs], stdin=subprocess.PIPE, start_new_session=True
    )
    assert keeper.stdin is not None, "it was asked for"
    try:
        server = Cluster(data, programs, account, _SETTINGS)
        server.create()
        server.start()
        yield server
    finally:
        keeper.stdin.close()
        keeper.wait(60)


def database_dsn(server: str, database: str) -> str:
    """The DSN of another database on the server that a DSN leads to."""
    return make_conninfo(server, dbname=database)


def create_database(server: str, name: str, template: str = "template1") -> None:
    """Copy a database, on the server that the DSN leads to. Raises DatabaseError."""
    statement = sql.SQL("create database {} template {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with connect(ResolvedDsn(server, "--dsn")) as connection:
        connection.execute(statement)


def drop_database(server: str, name: str) -> None:
    """Remove a database, though there may be sessions that a failed test has left."""
    with connect(ResolvedDsn(server, "--dsn")) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@contextmanager
def fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    """The name of a copy of the template, which nobody else uses; removed afterwards."""
    # Others may use the server at the same time.
    name = f"test_{os.getpid()}_{os.urandom(3).hex()}_{next(_numbers)}"
    create_database(server, name, template)
    try:
        yield name
    finally:
        drop_database(server, name)
