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
from typing import Any

import psycopg
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
data, binaries, *directories = map(Path, sys.argv[1:])
Cluster(data, binaries).delete()
for directory in directories:
    shutil.rmtree(directory, ignore_errors=True)
"""
# A database is some 300 files, and making them takes most of the time of a short test, except in memory.
_MEMORY = Path("/dev/shm")  # noqa: S108 - directories in it have names of their own
_ROOM_BYTES = 2 * 1024**3
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
    directory = _new_directory(Path("/tmp"))  # noqa: S108
    # Memory may be mounted so that programs in it cannot be run.
    data_directory = _new_directory(_MEMORY) if _has_memory() else directory
    data = data_directory / "data"
    account = server_account(data)
    programs = usable_binaries(binaries or embedded_binaries(), account, directory)
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEPER, data, programs, directory, data_directory],
        stdin=subprocess.PIPE,
        start_new_session=True,
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


def _has_memory() -> bool:
    """Whether there is a file system in memory with room for a server."""
    if not os.access(_MEMORY, os.W_OK):
        return False
    found = os.statvfs(_MEMORY)
    return found.f_bavail * found.f_frsize >= _ROOM_BYTES


def _new_directory(parent: Path) -> Path:
    directory = Path(tempfile.mkdtemp(prefix="pgflowc-tests-", dir=parent)).resolve()
    directory.chmod(0o755)
    return directory


def database_dsn(server: str, database: str) -> str:
    """The DSN of another database on the server that a DSN leads to."""
    return make_conninfo(server, dbname=database)


def create_database(server: str, name: str, template: str = "template1") -> None:
    """Copy a database, on the server that the DSN leads to. Raises DatabaseError."""
    statement = sql.SQL("create database {} template {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with connect(ResolvedDsn(server, "--dsn")) as connection:
        if _copies_files(connection):
            statement += sql.SQL(" strategy file_copy")
        connection.execute(statement)


def _copies_files(connection: psycopg.Connection[Any]) -> bool:
    """Whether copying a database file by file is the fastest: in memory, since PostgreSQL 15."""
    # Roles that may not see this setting get no row.
    found = connection.execute("select setting from pg_settings where name = 'data_directory'").fetchone()
    in_memory = found is not None and Path(found[0]).is_relative_to(_MEMORY)
    return in_memory and connection.info.server_version >= 150_000


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
