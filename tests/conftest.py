"""Real PostgreSQL for every test: one private server per test process, one fresh database per test.

`PGFLOWC_TEST_PG_BIN=/usr/lib/postgresql/15/bin` runs the tests on the programs in that directory.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install
from pgflowc.database.private import create_database, fresh_database, private_server

# Workers of pytest-xdist have one, by readline, and commands would break their messages to that width.
os.environ.pop("COLUMNS", None)

_TEMPLATE = "pgflowc_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running server of this test process's own."""
    chosen = os.environ.get("PGFLOWC_TEST_PG_BIN")
    with private_server(Path(chosen) if chosen else None) as server:
        yield server


@pytest.fixture(scope="session")
def _template(cluster: Cluster) -> str:
    """The name of a database with pgmq and every component, to be copied."""
    create_database(cluster.dsn(), _TEMPLATE)
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
    with fresh_database(cluster.dsn(), template) as name:
        yield cluster.dsn(name)


@pytest.fixture
def new_role(cluster: Cluster) -> Callable[[], str]:
    """Makes roles that may log in and nothing else; returns a name each. They end with the server."""

    def make() -> str:
        name = f"role_{next(_numbers)}"
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        return name

    return make
