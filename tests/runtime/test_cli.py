"""`pgflowc start`, `pgflowc runs` and `pgflowc run-worker` as a user types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from pgflowc.cli.app import main

PGFLOWC = Path(sys.executable).with_name("pgflowc")

HANDLERS = """
    from pgflowc_runtime import Flow, JsonValue, Payload, Registry, Step

    class Order(Payload):
        order_id: int

    def charge(input, ctx):
        if input.order_id < 0:
            raise ValueError("no such order")
        return {"charged": input.order_id}

    steps = (
        Step(slug="charge", argument=Order, output=JsonValue),
        Step(slug="mail", depends_on=("charge",), argument=JsonValue, output=JsonValue),
    )
    options = {"max_attempts": 2, "base_delay": 0, "timeout": 5, "definition_hash": ""}
    Orders = Flow(slug="orders", input=Order, steps=steps, **options)

    registry = Registry()
    registry.add(Orders, {"charge": charge, "mail": lambda deps, ctx: "sent"})
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, core_dsn: str, forked) -> Run:
    """Runs a command in the project's directory against the test's database."""

    def pgflowc(*arguments: str, dsn: str = core_dsn, input: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PGFLOWC_DSN": dsn, "COLUMNS": "200"}
        done: subprocess.CompletedProcess[str] = forked(
            main, *arguments, directory=tmp_path, environment=environment, input=input
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return pgflowc


@pytest.fixture
def project(app, bench, step) -> Path:
    """Package `app` with flow `orders`, migrated; `_generated` stands in for the compiled module."""
    bench.flow("orders", step("charge"), step("mail", "charge"), max_attempts=2, timeout=5)
    directory = app(HANDLERS)
    (directory / "pgflowc.toml").write_text('package = "app"\n', encoding="utf-8")
    generated = directory / "app" / "_generated"
    generated.mkdir()
    (generated / "__init__.py").touch()
    (generated / "orders.py").write_text("from app.registry import Orders\n", encoding="utf-8")
    return directory


@pytest.fixture
def serving(project: Path, worker_process, bench) -> None:
    """A worker in the background."""
    worker_process(project, bench.dsn)


def refused(done: subprocess.CompletedProcess[str], error: str, help: str = "") -> None:
    """The command ended with exit code 2 and these lines."""
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == f"error: {error}"
    assert lines[1:] == ([f" help: {help}"] if help else [])


# start


def test_start_prints_the_run_id(run: Run, project: Path, bench) -> None:
    done = run("start", "orders", "--input", '{"order_id": 1}')
    assert (done.returncode, done.stderr) == (0, "")
    assert bench.value("select input from pgflow.runs where run_id = %s", done.stdout.strip()) == {
        "order_id": 1
    }


def test_start_and_wait_shows_the_run(run: Run, serving) -> None:
    done = run("start", "orders", "--input", '{"order_id": 1}', "--wait")
    assert done.returncode == 0
    head, charge, mail, output = done.stdout.splitlines()
    assert re.match(r"orders completed  [0-9.]+ s  ", head)
    assert re.match(r"└─ charge   completed  [0-9.]+ s", charge)
    assert re.match(r"   └─ mail  completed  [0-9.]+ s", mail)
    assert output == 'output {"mail": "sent"}'


def test_a_run_that_fails_exits_1_and_shows_why(run: Run, serving) -> None:
    done = run("start", "orders", "--input", '{"order_id": -1}', "--wait")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("orders failed")
    assert "attempt 2 of 2  ValueError: no such order" in lines[1]
    assert "waiting" in lines[2]
    assert lines[3] == "error  ValueError: no such order"


def test_start_prints_json_for_programs(run: Run, serving) -> None:
    done = run("start", "orders", "--input", '{"order_id": 5}', "--wait", "--json")
    result = json.loads(done.stdout)
    assert (result["status"], result["output"]) == ("completed", {"mail": "sent"})
    assert [step["step_slug"] for step in result["steps"]] == ["charge", "mail"]
    started = json.loads(run("start", "orders", "--input", '{"order_id": 5}', "--json").stdout)
    assert uuid.UUID(started["run_id"])


def test_input_comes_from_a_file_or_stdin(run: Run, project: Path, bench) -> None:
    (project / "order.json").write_text('{"order_id": 2, "note": "ü"}', encoding="utf-8")
    by_file = run("start", "orders", "-i", "@order.json").stdout.strip()
    by_stdin = run("start", "orders", "-i", "@-", input='{"order_id": 3}').stdout.strip()
    inputs = [
        bench.value("select input from pgflow.runs where run_id = %s", id) for id in (by_file, by_stdin)
    ]
    assert inputs == [{"order_id": 2, "note": "ü"}, {"order_id": 3}]


@pytest.mark.parametrize(
    ("input", "error"),
    [
        ('{"a": }', "--input is not JSON: line 1, column 7: Expecting value"),
        ("", "--input is not JSON: line 1, column 1: Expecting value"),
        ("[NaN]", "--input is not JSON: JSON has no NaN"),
        ("@missing.json", "cannot read missing.json: No such file or directory"),
        ("@app", "cannot read app: Is a directory"),
    ],
)
def test_input_that_is_not_json(run: Run, project: Path, input: str, error: str) -> None:
    done = run("start", "orders", "--input", input)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == f"error: {error}"


def test_input_of_the_wrong_type_is_refused_before_it_is_sent(run: Run, project: Path, bench) -> None:
    done = run("start", "orders", "--input", '{"order_id": "x"}')
    refused(
        done,
        "input of flow 'orders': order_id: "
        "Input should be a valid integer, unable to parse string as an integer",
    )
    assert bench.value("select count(*) from pgflow.runs") == 0


def test_outside_a_project_the_database_judges(run: Run, bench, step) -> None:
    bench.flow("rows", step("each", kind="map"))
    refused(
        run("start", "rows"),
        "input of flow 'rows': Flow rows has root map steps but input is not an array (got object)",
    )


def test_an_unknown_flow(run: Run, project: Path) -> None:
    refused(run("start", "order"), "no flow 'order' in this database", "did you mean 'orders'?")
    refused(
        run("start", "xyz"), "no flow 'xyz' in this database", "run `pgflowc db up` to apply its migration"
    )


def test_a_newer_core_starts_nothing(run: Run, project: Path, bench) -> None:
    bench.rows("update pgflowc.installed_components set version = 99 where component = 'core'")
    refused(
        run("start", "orders", "-i", '{"order_id": 1}'),
        "the database has version 99 of 'core', newer than 1, the latest that this pgflowc knows",
        "upgrade it: `pip install --upgrade pgflowc`",
    )
    assert bench.value("select count(*) from pgflow.runs") == 0


def test_waiting_too_long(run: Run, project: Path) -> None:
    done = run("start", "orders", "-i", '{"order_id": 1}', "--wait", "--timeout", "0.1")
    assert done.returncode == 2
    assert "is not finished after 0.1 s" in done.stderr
    assert "`pgflowc runs show" in done.stderr


# runs


def test_runs_are_listed(run: Run, project: Path) -> None:
    assert run("runs", "list").stderr.startswith("No runs.")
    ids = [run("start", "orders", "-i", '{"order_id": 1}').stdout.strip() for _ in range(2)]
    head, latest, first = run("runs", "list").stdout.splitlines()
    assert head.split() == ["RUN", "FLOW", "STATUS", "STARTED", "TOOK"]
    assert latest.startswith(f"{ids[1]}  orders  started  ")
    assert first.startswith(ids[0])
    assert [entry["run_id"] for entry in json.loads(run("runs", "list", "--json").stdout)] == ids[::-1]
    assert len(run("runs", "list", "--limit", "1").stdout.splitlines()) == 2
    assert run("runs", "list", "--status", "failed", "--json").stdout.strip() == "[]"
    assert len(run("runs", "list", "--flow", "orders", "--status", "started").stdout.splitlines()) == 3
    refused(
        run("runs", "list", "--flow", "Orders"), "no flow 'Orders' in this database", "did you mean 'orders'?"
    )


def test_a_run_is_shown(run: Run, project: Path) -> None:
    id = run("start", "orders", "-i", '{"order_id": 1}').stdout.strip()
    shown = run("runs", "show", id).stdout.splitlines()
    assert shown[0].startswith("orders started  ")
    assert shown[0].endswith(f"so far  run {id}")
    assert shown[2].split() == ["└─", "mail", "waiting"]
    assert json.loads(run("runs", "show", id, "--json").stdout)["run_id"] == id


def test_a_run_that_is_not_there(run: Run, project: Path) -> None:
    unknown = str(uuid.uuid4())
    help = "`pgflowc runs list` shows the latest ones"
    refused(run("runs", "show", unknown), f"no run {unknown} in this database", help)
    refused(run("runs", "show", "12"), "'12' is not a run id", help)


@pytest.mark.parametrize(
    "command", [("start", "orders"), ("runs", "list"), ("runs", "show", str(uuid.uuid4()))]
)
def test_no_database(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, dsn="host=/nonexistent dbname=shop")
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot connect to database 'shop' at /nonexistent: ")
    assert "`pgflowc db up`" in done.stderr


def test_a_database_without_core(run: Run, empty_dsn: str) -> None:
    done = run("start", "orders", dsn=empty_dsn)
    assert done.returncode == 2
    assert "run `pgflowc db up`" in done.stderr


# run-worker


def test_run_worker_serves_the_package_of_the_project(run: Run, project: Path, core_dsn: str) -> None:
    (project / "sub").mkdir()
    worker = subprocess.Popen(
        [PGFLOWC, "run-worker", "--dsn", core_dsn, "--max-concurrency", "2"],
        cwd=project / "sub",
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert run("start", "orders", "-i", '{"order_id": 1}', "--wait", "--timeout", "20").returncode == 0
    finally:
        worker.send_signal(signal.SIGTERM)
        _, log = worker.communicate(timeout=20)
    assert worker.returncode == 0
    assert "worker app serves orders" in log
    assert "concurrency=2" in log


def test_run_worker_without_a_project(run: Run, tmp_path: Path) -> None:
    done = run("run-worker")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: there is no pgflowc.toml in {tmp_path}")


def test_run_worker_without_a_package(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pgflowc.toml").write_text('dsn = "dbname=x"\n', encoding="utf-8")
    refused(
        run("run-worker"),
        "pgflowc.toml names no package",
        f'add the line package = "shop" to {tmp_path / "pgflowc.toml"}',
    )
