"""Real PostgreSQL for every test: one private server per test process, one fresh database per test.

`PGFLOWC_TEST_PG_BIN=/usr/lib/postgresql/15/bin` runs the tests on the programs in that directory.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pgflowc.database.account import server_account
from pgflowc.database.binaries import embedded_binaries, usable_binaries
from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install

# Removes the server when its standard input closes: also when the test process is killed.
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
_TEMPLATE = "pgflowc_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running server of this test process's own."""
    directory = Path(tempfile.mkdtemp(prefix="pgflowc-tests-", dir="/tmp")).resolve()
    directory.chmod(0o755)
    data = directory / "data"
    account = server_account(data)
    chosen = os.environ.get("PGFLOWC_TEST_PG_BIN")
    binaries = usable_binaries(Path(chosen) if chosen else embedded_binaries(), account, directory)
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEPER, directory, binaries], stdin=subprocess.PIPE, start_new_session=True
    )
    assert keeper.stdin is not None
    try:
        server = Cluster(data, binaries, account, _SETTINGS)
        server.create()
        server.start()
        yield server
    finally:
        keeper.stdin.close()
        keeper.wait(60)


@pytest.fixture(scope="session")
def _template(cluster: Cluster) -> str:
    """The name of a database with pgmq and every component, to be copied."""
    _create_database(cluster, _TEMPLATE)
    with connect(ResolvedDsn(cluster.dsn(_TEMPLATE), "--dsn")) as connection:
        install(connection)
    return _TEMPLATE


@pytest.fixture
def core_dsn(cluster: Cluster, _template: str) -> Iterator[str]:
    """DSN of a fresh database with pgmq, core, helpers and pgflowc installed."""
    yield from _fresh_database(cluster, _template)


@pytest.fixture
def empty_dsn(cluster: Cluster) -> Iterator[str]:
    """DSN of a fresh database with nothing in it."""
    yield from _fresh_database(cluster, "template1")


@pytest.fixture
def new_database(cluster: Cluster) -> Iterator[Callable[[], str]]:
    """Makes fresh empty databases on demand, for tests that need several; returns a DSN each."""
    made: list[Iterator[str]] = []

    def make() -> str:
        made.append(_fresh_database(cluster, "template1"))
        return next(made[-1])

    yield make
    for database in made:
        next(database, None)


def _fresh_database(cluster: Cluster, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _create_database(cluster, name, template)
    yield cluster.dsn(name)
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        # A worker that a failed test left behind must not keep the database.
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _create_database(cluster: Cluster, name: str, template: str = "template1") -> None:
    statement = sql.SQL("create database {} template {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def new_role(cluster: Cluster) -> Callable[[], str]:
    """Makes roles that may log in and nothing else; returns a name each. They end with the server."""

    def make() -> str:
        name = f"role_{next(_numbers)}"
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        return name

    return make
