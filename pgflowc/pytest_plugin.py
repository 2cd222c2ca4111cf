"""The plugin of pytest that comes with pgflowc: fixtures for tests of flows. See docs/testing.md.

pytest imports this at every start, in projects that do not test flows, too: whatever takes time is imported
in the fixture that needs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pgflowc_runtime import Registry
    from pgflowc_runtime.testing import AsyncFlowRunner, FlowRunner

_DSN_VARIABLE = "PGFLOWC_TEST_DSN"


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with a project or a server is told in two lines, not in a traceback."""
    from pgflowc.database import DatabaseError
    from pgflowc_runtime import PgflowcError

    try:
        yield
    except (DatabaseError, PgflowcError) as error:
        pytest.fail(f"{error}\nhelp: {error.help}" if error.help else str(error), pytrace=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--pgflowc-dsn` and the setting `pgflowc_project`."""
    group = parser.getgroup("pgflowc", "tests of flows (pgflowc)")
    group.addoption(
        "--pgflowc-dsn",
        metavar="DSN",
        help="Server for the tests' databases, whose role may create databases; "
        f"else {_DSN_VARIABLE}, else a private embedded one.",
    )
    parser.addini("pgflowc_project", "Directory of pgflowc.toml (default: that of the rootdir).")


@pytest.fixture(scope="session")
def pgflowc_project(pytestconfig: pytest.Config) -> Path:
    """The project's directory: the setting `pgflowc_project`, relative to the rootdir, else the rootdir."""
    return pytestconfig.rootpath / str(pytestconfig.getini("pgflowc_project") or "")


@pytest.fixture(scope="session")
def pgflowc_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """DSN of the server on which each test gets a database. A private one is removed at the end."""
    named = pytestconfig.getoption("--pgflowc-dsn") or os.environ.get(_DSN_VARIABLE)
    if named:
        yield str(named)
        return
    from pgflowc.database.private import private_server

    with _told(), private_server() as server:
        yield server.dsn()


@pytest.fixture(scope="session")
def pgflowc_migrate(pgflowc_project: Path) -> Callable[[str], None]:
    """What makes an empty database (its DSN) ready: installs pgflowc's schemas, applies the migrations.

    A project whose migrations are applied by another tool, or that needs more, replaces this fixture.
    """

    def migrate(dsn: str) -> None:
        from pgflowc.database import DatabaseError
        from pgflowc.database.connection import connect
        from pgflowc.database.dsn import ResolvedDsn, configured_project
        from pgflowc.database.installation import install
        from pgflowc.database.migrations import apply_migrations, read_migrations

        project = configured_project(pgflowc_project)
        if project is None:
            raise DatabaseError(
                f"there is no pgflowc.toml in {pgflowc_project}, whose migrations the tests could apply",
                help="say where: pgflowc_project = DIR in pytest's settings; or replace the fixture "
                "pgflowc_migrate",
            )
        if project.settings.migrations_format != "plain":
            raise DatabaseError(
                f"migrations in the format of {project.settings.migrations_format} are applied by that tool",
                help="replace the fixture pgflowc_migrate by one that does it",
            )
        with connect(ResolvedDsn(dsn, "--dsn")) as connection:
            install(connection)
            files = read_migrations(project.migrations_dir, project.root)
            for _ in apply_migrations(connection, project.package or "", files):
                pass

    return migrate


@pytest.fixture(scope="session")
def pgflowc_template(pgflowc_server: str, pgflowc_migrate: Callable[[str], None]) -> Iterator[str]:
    """Name of the database, with all migrations, that each test gets a copy of."""
    from pgflowc.database.private import database_dsn, fresh_database

    with _told(), fresh_database(pgflowc_server) as name:
        pgflowc_migrate(database_dsn(pgflowc_server, name))
        yield name


@pytest.fixture
def pgflowc_dsn(pgflowc_server: str, pgflowc_template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """DSN of a database of this test's own, with all migrations; in the variable PGFLOWC_DSN as well."""
    from pgflowc.database.private import database_dsn, fresh_database

    with _told(), fresh_database(pgflowc_server, pgflowc_template) as name:
        dsn = database_dsn(pgflowc_server, name)
        monkeypatch.setenv("PGFLOWC_DSN", dsn)
        yield dsn


@pytest.fixture(scope="session")
def pgflowc_registry(pgflowc_project: Path) -> Registry | None:
    """The handlers: those of the package that pgflowc.toml names, and of the patterns of its workers. None
    without one: all steps need stubs.
    """
    from pgflowc.database.dsn import configured_project
    from pgflowc.project import CONFIG
    from pgflowc_runtime.loading import load_registry
    from pgflowc_runtime.settings import resolve

    with _told():
        project = configured_project(pgflowc_project)
        if project is None or project.package is None:
            return None
        patterns = resolve({}, environment={}, file=pgflowc_project / CONFIG).patterns
        registry = load_registry(project.package, (project.source_dir,), required=not patterns)
        return registry.serve_patterns(patterns)


@pytest.fixture
def flow_runner(pgflowc_dsn: str, pgflowc_registry: Registry | None) -> FlowRunner:
    """Runs flows to their end, on a database of this test's own."""
    from pgflowc_runtime.testing import FlowRunner

    return FlowRunner(pgflowc_dsn, pgflowc_registry)


@pytest.fixture
def async_flow_runner(pgflowc_dsn: str, pgflowc_registry: Registry | None) -> AsyncFlowRunner:
    """`flow_runner` for coroutines: `await async_flow_runner.run_flow(...)`."""
    from pgflowc_runtime.testing import AsyncFlowRunner

    return AsyncFlowRunner(pgflowc_dsn, pgflowc_registry)


@pytest.fixture
def run_flow(flow_runner: FlowRunner) -> Callable[..., object]:
    """`run_flow(flow, input, stubs={...})`: `flow_runner.run_flow`."""
    return flow_runner.run_flow


@pytest.fixture
def drain(flow_runner: FlowRunner) -> Callable[..., object]:
    """`drain(run_id)`: `flow_runner.drain`."""
    return flow_runner.drain
