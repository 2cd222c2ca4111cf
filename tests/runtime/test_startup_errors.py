"""What stops a worker at its start is said in one line, with what mends it, and exit code 2."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pgflowc_runtime.__main__ import main

EMPTY = """
    from pgflowc_runtime import Registry
    registry = Registry()
"""
ONE_STEP = """
    from pgflowc_runtime import Flow, JsonValue, Registry, Step
    {imports}
    registry = Registry()
    step = Step(slug="only", argument=JsonValue, output=JsonValue)
    options = {{"max_attempts": 1, "base_delay": 0, "timeout": 5, "definition_hash": ""}}
    flow = Flow(slug="f", input=JsonValue, steps=(step,), **options)
    registry.add(flow, {{{handlers}}})
"""
FINE = ONE_STEP.format(imports="", handlers='"only": print')

Start = Callable[..., list[str]]


@pytest.fixture
def start(tmp_path: Path, forked) -> Start:
    """Starts a worker that must refuse; returns its two lines."""

    def run(*arguments: str, directory: Path = tmp_path, package: str = "app") -> list[str]:
        done = forked(main, "worker", package, *arguments, directory=directory, environment=os.environ)
        lines = [line for line in done.stderr.splitlines() if " WARNING " not in line]
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        assert lines[0].startswith("error: ")
        assert len(lines) <= 2
        assert all(line.startswith(" help: ") for line in lines[1:])
        return [lines[0].removeprefix("error: "), *(line.removeprefix(" help: ") for line in lines[1:])]

    return run


# The registry


def test_no_such_package(start: Start, tmp_path: Path) -> None:
    error, help = start("--dsn", "dbname=x")
    assert error == f"there is no package 'app' in {tmp_path} or on PYTHONPATH"
    assert "`pgflowc compile`" in help


def test_not_a_package_name(start: Start) -> None:
    assert (
        start("--dsn", "dbname=x", package="shop/registry.py")[0]
        == "'shop/registry.py' is not a package name"
    )


def test_a_module_is_no_package(start: Start, tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    assert start("--dsn", "dbname=x")[0] == "'app' is a module (app.py), not a package"


def test_a_package_without_registry(start: Start, app) -> None:
    app(None)
    assert start("--dsn", "dbname=x") == ["package 'app' has no registry.py", "run `pgflowc compile`"]
    # Nor needs it one when patterns find its flows.
    assert start("--dsn", "dbname=x", "--pattern", "a_*=app.none")[0].startswith(
        "there is no module 'app.none'"
    )


def test_a_registry_module_without_registry(start: Start, app) -> None:
    app("registry = None")
    assert start("--dsn", "dbname=x") == [
        "app/registry.py defines no `registry`",
        "run `pgflowc compile`: it writes that file",
    ]


def test_an_empty_registry(start: Start, app) -> None:
    app(EMPTY)
    assert start("--dsn", "dbname=x")[0] == "the registry has no flow"


def test_a_registry_that_names_a_handler_that_is_gone(start: Start, app) -> None:
    app(ONE_STEP.format(imports="from app import handlers", handlers='"only": handlers.only'), handlers="")
    error, help = start("--dsn", "dbname=x")
    assert error == "app/registry.py:8 names handler 'only', which app.handlers does not define"
    assert help == "run `pgflowc compile`: it adds a stub to app/handlers.py"


def test_a_registry_that_imports_a_function_that_is_gone(start: Start, app) -> None:
    app(ONE_STEP.format(imports="from app.handlers import only", handlers='"only": only'), handlers="")
    error, help = start("--dsn", "dbname=x")
    assert error.startswith(
        "app/registry.py:3 needs what is not there: ImportError: cannot import name 'only'"
    )
    assert "`pgflowc compile`" in help


def test_a_step_without_handler(start: Start, app) -> None:
    app(ONE_STEP.format(imports="", handlers=""))
    assert start("--dsn", "dbname=x") == [
        "flow 'f' has no handler for 'only'",
        "`pgflowc compile` adds a stub and registers it",
    ]


@pytest.mark.parametrize(
    ("handlers", "error", "help"),
    [
        (
            "import no_such_library_x",
            "app/handlers.py:1 cannot be imported: ModuleNotFoundError: No module named 'no_such_library_x'",
            "install 'no_such_library_x' into this environment, or mend the import",
        ),
        (
            "\n\ndef only(:",
            "app/handlers.py:3 cannot be imported: SyntaxError: invalid syntax (handlers.py, line 3)",
            "mend that file; `pgflowc compile` never changes the body of a handler",
        ),
        (
            "\nimport json\njson.loads('{')",
            "app/handlers.py:3 cannot be imported: JSONDecodeError: Expecting property name",
            "mend that file; `pgflowc compile` never changes the body of a handler",
        ),
        (
            "raise SystemExit('bye')",
            "app/handlers.py:1 cannot be imported: SystemExit: bye",
            "mend that file; `pgflowc compile` never changes the body of a handler",
        ),
    ],
)
def test_handlers_that_cannot_be_imported(start: Start, app, handlers: str, error: str, help: str) -> None:
    app(
        ONE_STEP.format(imports="from app import handlers", handlers='"only": handlers.only'),
        handlers=handlers,
    )
    got = start("--dsn", "dbname=x")
    assert got[0].startswith(error)
    assert got[1] == help


def test_an_unknown_flow_to_serve(start: Start, app) -> None:
    app(FINE)
    assert start("--dsn", "dbname=x", "--flow", "g") == ["no flow 'g' in this registry", "it has 'f'"]


# Settings and database


def test_settings_out_of_bounds(start: Start, app) -> None:
    app(FINE)
    assert start("--dsn", "dbname=x", "--max-concurrency", "0") == [
        "--max-concurrency 0: must be a whole number from 1 to 10,000",
        "docs/worker.md lists the settings",
    ]


def test_no_database_given(start: Start, app, monkeypatch) -> None:
    for name in ("PGFLOWC_DSN", "PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGPORT", "PGUSER"):
        monkeypatch.delenv(name, raising=False)
    app(FINE)
    assert start() == ["no database given", "pass --dsn DSN, or set PGFLOWC_DSN or PGHOST"]


def test_a_dsn_that_is_none_does_not_show_its_password(start: Start, app) -> None:
    app(FINE)
    error, help = start("--dsn", "postgresql://u:s3cret@h:port/db?nonsense")
    assert error.startswith("not a PostgreSQL connection string")
    assert "s3cret" not in error + help


def test_an_unreachable_database(start: Start, app) -> None:
    app(FINE)
    error, help = start("--dsn", "host=/nonexistent dbname=shop", "--startup-timeout", "0.5")
    assert error.startswith("cannot connect to database 'shop' at /nonexistent: ")
    assert "`pgflowc db up`" in help


def test_an_unknown_database_is_not_waited_for(start: Start, app, core_dsn: str) -> None:
    app(FINE)
    dsn = psycopg.conninfo.make_conninfo(core_dsn, dbname="no_such_database")
    error, _ = start("--dsn", dsn)
    assert error.endswith('FATAL: database "no_such_database" does not exist')


def test_the_core_is_not_installed(start: Start, app, empty_dsn: str) -> None:
    app(FINE)
    assert start("--dsn", empty_dsn) == [
        "the pgflow core is not installed in this database",
        "run `pgflowc db up`",
    ]


@pytest.mark.parametrize("component", ["core", "helpers", "pgflowc"])
def test_a_core_that_is_too_new(start: Start, app, bench, component: str) -> None:
    app(FINE)
    bench.rows("update pgflowc.installed_components set version = 999 where component = %s", component)
    error, help = start("--dsn", bench.dsn)
    assert error.startswith(f"the database has version 999 of '{component}', newer than ")
    assert help == "upgrade it: `pip install --upgrade pgflowc`"


def test_a_flow_that_is_not_migrated(start: Start, app, bench) -> None:
    app(FINE)
    assert start("--dsn", bench.dsn) == [
        "flow 'f' is not in the database",
        "run `pgflowc db up` to apply this project's migrations",
    ]


def test_a_flow_of_another_shape(start: Start, app, bench, step) -> None:
    app(FINE)
    bench.flow("f", step("first"), step("only", "first", kind="map"))
    error, help = start("--dsn", bench.dsn)
    assert error == (
        "flow 'f' in the database is not what was compiled: it has a step 'first' that the registry lacks; "
        "step 'only' is a map step there and a single step here; "
        "step 'only' depends on 'first' there and on nothing here"
    )
    assert help == "run `pgflowc db up` to apply this project's migrations"


def test_a_role_without_rights(start: Start, app, bench, step) -> None:
    app(FINE)
    bench.flow("f", step("only"))
    role = f"stranger_{bench.value('select current_database()')}"
    bench.rows(f"create role {role} login")
    try:
        error, help = start("--dsn", psycopg.conninfo.make_conninfo(bench.dsn, user=role))
        assert error.startswith("this role may not do what a worker does: permission denied")
        assert help == "docs/worker.md lists the rights that a worker needs"
    finally:
        bench.rows(f"drop role {role}")
