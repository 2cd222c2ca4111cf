"""`pgflowc start`, `runs`, `flows` and `workers`, called in this process."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build

Run = Callable[..., Any]


@pytest.fixture
def run(core_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command against the test's database, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGFLOWC_DSN", core_dsn)
    monkeypatch.setenv("COLUMNS", "200")

    def pgflowc(*words: str, input: str | None = None, code: int = 0) -> Any:
        done = CliRunner().invoke(build(words), words, input=input)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code == code, done.output
        return done

    return pgflowc


@pytest.fixture
def flow(bench, step) -> None:
    bench.flow(
        "report", step("items", max_attempts=2), step("each", "items", kind="map"), step("sum", "each")
    )


def start(run: Run, *words: str) -> str:
    return str(run("start", "report", *words).stdout).strip()


def refused(done: Any, error: str, help: str = "") -> None:
    assert done.stdout == ""
    assert done.stderr == f"error: {error}\n" + (f" help: {help}\n" if help else "")


# start


def test_a_run_starts_later(run: Run, flow, bench) -> None:
    delayed = start(run, "--in", "2m")
    start(run, "--at", "2020-01-01T00:00")
    later, now = [
        float(row[0])
        for row in bench.rows(
            "select extract(epoch from vt - clock_timestamp()) from pgmq.q_report order by vt desc"
        )
    ]
    assert 100 < later <= 120
    assert now <= 0
    shown = run("runs", "show", delayed).output.splitlines()[1]
    assert re.search(r"─ items +started    due \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", shown), shown
    step, *_ = json.loads(run("runs", "show", delayed, "--json").output)["steps"]
    assert timedelta(0) < datetime.fromisoformat(step["due"]) - datetime.now(UTC) < timedelta(minutes=2)


def test_a_start_may_be_repeated(run: Run, flow, bench) -> None:
    chosen = str(uuid.uuid4())
    assert start(run, "--run-id", chosen) == start(run, "--run-id", chosen) == chosen
    done = run("start", "report", "--run-id", chosen, "-i", "[1]", code=2)
    assert done.stderr.startswith(f"error: run {chosen} exists, of flow 'report', with input {{}}, not [1]")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--in", "soon"], "--in: 'soon' is no duration"),
        (["--in", "1h30m"], "--in: '1h30m' is no duration"),
        (["--at", "noon"], "--at: 'noon' is no time"),
        (["--at", "2030-01-01", "--in", "1s"], "--in and --at exclude each other"),
        (["--run-id", "12"], "'12' is not a run id"),
        (
            ["-i", "{"],
            "--input is not JSON: line 1, column 2: Expecting property name enclosed in double quotes",
        ),
        (["-i", "NaN"], "--input is not JSON: JSON has no NaN"),
        (["-i", "[" * 100_000], "--input is nested too deeply"),
        (["-i", "@missing"], "cannot read missing: No such file or directory"),
    ],
)
def test_what_start_refuses(run: Run, flow, bench, words: list[str], error: str) -> None:
    assert run("start", "report", *words, code=2).stderr.splitlines()[0] == f"error: {error}"
    assert bench.value("select count(*) from pgflow.runs") == 0


# runs


def test_runs_are_filtered_and_come_in_pages(run: Run, flow, bench) -> None:
    ids = [start(run, "-i", json.dumps({"n": n})) for n in range(3)]
    first = run("runs", "list", "--limit", "2")
    assert [line.split()[0] for line in first.stdout.splitlines()[1:]] == [ids[2], ids[1]]
    more = first.stderr.strip().removeprefix("More: ").split()
    rest = run("runs", "list", *more)
    assert [line.split()[0] for line in rest.stdout.splitlines()[1:]] == [ids[0]]
    assert rest.stderr == ""
    [found] = json.loads(run("runs", "list", "-i", '{"n": 1}', "--json").stdout)
    assert found["run_id"] == ids[1]
    assert run("runs", "list", "--kind", "job").stderr.startswith("No runs")
    assert json.loads(run("runs", "list", "--until", "1h", "--json").stdout) == []
    assert len(json.loads(run("runs", "list", "--since", "1h", "--kind", "flow", "--json").stdout)) == 3
    refused(
        run("runs", "list", "--after", "x", code=2),
        "'x' is no cursor of a list",
        "begin again without a cursor",
    )
    assert run("runs", "list", "--since", "yesterday", code=2).stderr.startswith(
        "error: --since: 'yesterday' is no time"
    )


def test_runs_are_cancelled_and_go_on(run: Run, flow, bench) -> None:
    one, two = start(run), start(run)
    done = run("runs", "cancel", one, two, "--reason", "too late")
    assert done.stdout.splitlines() == [f"{one} cancelled", f"{two} cancelled"]
    assert run("runs", "cancel", one, code=1).stdout == f"{one} was over already\n"
    assert "cancelled by postgres: too late" in run("runs", "show", one).stdout
    assert json.loads(run("runs", "retry", one, "--json").stdout) == {one: True}
    assert run("runs", "retry", one, code=1).stdout == f"{one} is not failed\n"
    unknown = str(uuid.uuid4())
    assert run("runs", "cancel", one, unknown, code=2).stdout == ""
    assert run("runs", "cancel", one, one).stdout == f"{one} cancelled\n", "it had not been cancelled before"
    for command in ("cancel", "retry", "watch", "show"):
        refused(
            run("runs", command, unknown, code=2),
            f"no run {unknown} in this database",
            "`pgflowc runs list` shows the latest ones",
        )


def test_runs_are_watched_a_line_for_each_event(run: Run, flow, bench) -> None:
    import threading

    id = start(run)
    worker = threading.Timer(0.5, bench.work, ["report", {"items": [1, 2], "each": 3, "sum": 6}])
    worker.start()
    lines = run("runs", "watch", id).stdout.splitlines()
    worker.join()
    events = [" ".join(line.split()[1:]) for line in lines]
    assert events[0] == f"report started run {id}"
    assert "items completed" in events
    assert events[-2:] == ["sum completed", "report completed"]


def test_watching_gives_json_lines_and_tells_failures(run: Run, flow, bench) -> None:
    good, bad = start(run), start(run)
    run("runs", "cancel", bad)
    bench.work("report", {"items": [], "sum": 0})
    lines = [
        json.loads(line) for line in run("runs", "watch", good, bad, "--json", code=1).stdout.splitlines()
    ]
    assert {(line["event"], line["run"]["run_id"], line["run"]["status"]) for line in lines} == {
        ("snapshot", good, "completed"),
        ("snapshot", bad, "failed"),
    }
    assert run("runs", "watch", good).stdout.split()[1:3] == ["report", "completed"]


def test_pruning_asks_first(run: Run, flow, bench) -> None:
    id = start(run)
    run("runs", "cancel", id)
    question = "Delete 1 run of report that ended more than 0s ago?"
    words = ("runs", "prune", "--older-than", "0s", "--flow", "report")
    refused(run(*words, code=2), f"{question} Nobody can be asked here", "--yes goes on without asking")
    assert run(*words, "--dry-run").stdout == "Would delete 1 run of report that ended more than 0s ago.\n"
    assert json.loads(run(*words, "--dry-run", "--json").stdout) == {"runs": 1}
    assert json.loads(run(*words, "--yes", "--json").stdout)["runs"] == 1
    assert run(*words, "-y").stdout == "Deleted 0 runs with 0 tasks.\n"
    refused(
        run("runs", "prune", "--older-than", "a month", code=2),
        "--older-than: 'a month' is no duration",
        "for example 90s, 5m, 2h or 30d",
    )
    refused(run(*words[:-1], "raport", code=2), "no flow 'raport' in this database", "did you mean 'report'?")


# flows and workers


def test_flows_are_listed_shown_and_deleted(run: Run, flow, bench) -> None:
    assert run("flows", "list").stdout.splitlines()[1].split() == ["report", "flow", "1", "0", "s", "10", "s"]
    assert json.loads(run("flows", "list", "--json").stdout)[0]["slug"] == "report"
    assert run("flows", "show", "report").stdout.splitlines() == [
        "report  flow  1 attempt, base delay 0 s, timeout 10 s",
        "  items  2 attempts",
        "  each   map of items",
        "  sum    after each",
    ]
    shown = json.loads(run("flows", "show", "report", "--json").stdout)
    assert [step["slug"] for step in shown["steps"]] == ["items", "each", "sum"]
    start(run)
    refused(
        run("flows", "delete", "report", code=2),
        "Delete flow 'report' and all its runs, of which 1 is going on? Nobody can be asked here",
        "--yes goes on without asking",
    )
    refused(
        run("flows", "delete", "Report", code=2),
        "no flow 'Report' in this database",
        "did you mean 'report'?",
    )
    assert run("flows", "delete", "report", "--yes").stdout == "Deleted report.\n"
    assert run("flows", "list").stderr.startswith("No flows.")


def test_conditions_of_a_flow_are_shown(run: Run, bench) -> None:
    step: dict[str, Any] = {"if": {"a": 1}, "if_not": {"b": 2}, "when_exhausted": "skip", "start_delay": 5}
    from pgflowc_runtime import Client

    with Client(bench.dsn) as client:
        client.upsert_flow({"flow": "odd", "steps": {"first": step, "each": {"map": "$input"}, "ask": {}}})
    schema = '{"type": "object", "properties": {"by": {"type": ["string", "null"]}}}'
    bench.rows("select pgflowc.set_signal('odd', 'each', %s, 172800)", schema)
    bench.rows("select pgflowc.set_signal('odd', 'ask', '{\"type\": \"boolean\"}', null, true)")
    assert run("flows", "show", "odd").stdout.splitlines()[1:] == [
        '  first  starts 5 s later  if {"a": 1}  if not {"b": 2}  else skip  when exhausted skip',
        "  each   map of the input  signal {by: str | null} for 2d",
        "  ask    approval bool for ever",
    ]


def test_workers_are_listed(run: Run, flow, bench) -> None:
    assert run("workers", "list").stderr.startswith("No workers.")
    id = str(uuid.uuid4())
    bench.rows(
        "insert into pgflow.workers (worker_id, queue_name, function_name) values (%s, 'report', 'shop')", id
    )
    words = run("workers", "list").stdout.splitlines()[1].split()
    assert (words[:3], words[-1]) == ([id, "report", "alive"], "shop")
    bench.rows("select pgflow.mark_worker_stopped(%s)", id)
    assert run("workers", "list").stdout == ""
    [worker] = json.loads(run("workers", "list", "--all", "--json").stdout)
    assert (worker["worker_id"], worker["alive"]) == (id, False)
    assert "stopped" in run("workers", "list", "--all").stdout


# signal


def test_a_step_that_waits_says_for_what_and_is_sent_it(run: Run, bench, step) -> None:
    bench.flow("order", step("ask"), step("ship", "ask"))
    bench.rows("""select pgflowc.set_signal('order', 'ask', '{"type": "boolean"}', 3600, true)""")
    run_id = str(run("start", "order").stdout).strip()
    assert bench.work("order") == 0
    shown = run("runs", "show", run_id).stdout
    until = bench.value("select deadline from pgflowc.task_signals").astimezone()
    assert f"waits for an approval until {until:%Y-%m-%d %H:%M:%S}" in shown
    data = json.loads(run("runs", "show", run_id, "--json").stdout)
    assert data["steps"][0]["tasks_waiting"] == 1
    assert data["steps"][0]["wait"] == {"kind": "approval", "since": ANY, "until": ANY}
    assert data["steps"][1]["wait"] is None

    head, line = run("runs", "waiting").stdout.splitlines()
    assert head.split() == ["RUN", "FLOW", "STEP", "KIND", "SINCE", "UNTIL"]
    assert line.split()[:4] == [run_id, "order", "ask", "approval"]
    assert line.endswith(f"{until:%Y-%m-%d %H:%M:%S}")
    assert run("runs", "waiting", "--kind", "signal").stderr == "Nothing waits for a signal.\n"

    refused(
        run("signal", run_id, "ask", "--payload", '"yes"', code=2),
        'step "ask" takes no such signal: payload: string instead of boolean',
    )
    refused(
        run("signal", run_id, "ask", "--payload", "yes", code=2),
        "--payload is not JSON: line 1, column 1: Expecting value",
        """for example: --payload '{"order_id": 1}', or --payload @order.json""",
    )
    refused(
        run("signal", run_id, "asked", code=2),
        f'run {run_id} of flow "order" has no step "asked"',
        "did you mean 'ask'?",
    )
    assert run("signal", run_id, "ask", "-p", "@-", input="true").stdout == "delivered\n"
    assert json.loads(run("signal", run_id, "ask", "-p", "true", "--json", code=1).stdout) == {
        "delivery": "ignored"
    }
    undeclared = run("signal", run_id, "ship")
    assert undeclared.stdout.startswith("buffered: nobody waits for it yet")
    assert undeclared.stderr == "note: step 'ship' declares no signal: maybe its handler waits for none\n"


def test_a_map_says_how_many_of_its_tasks_wait(run: Run, flow, bench) -> None:
    run_id = start(run)
    bench.work("report", {"items": [1, 2, 3]}, rounds=1)
    for _, index in (
        tasks := bench.rows("select run_id, task_index from pgflowc.claim_batch('report', null, 2)")
    ):
        bench.rows("select pgflowc.consume_task_signal(%s, 'each', %s, 1)", run_id, index)
    bench.rows(
        "select pgflowc.finish_batch('report', null, array[%s, %s]::uuid[], array['each', 'each'],"
        " array[%s, %s]::int[], array[1, 1], null, p_parked => array[true, true])",
        *(task[0] for task in tasks),
        *(task[1] for task in tasks),
    )
    assert "0 of 3 tasks  2 waiting for signals" in run("runs", "show", run_id).stdout
    found = json.loads(run("runs", "waiting", "--flow", "report", "--step", "each", "--json").stdout)
    assert [(task["task_index"], task["kind"], task["until"]) for task in found] == [
        (task[1], "signal", None) for task in tasks
    ]
    first = run("runs", "waiting", "--limit", "1")
    assert (len(first.stdout.splitlines()), first.stderr) == (2, "More: --limit 10\n")
    assert run("signal", run_id, "each", "--task-index", "1").stdout == "delivered\n"
    assert "1 waiting for signals" in run("runs", "show", run_id).stdout
    done = run("signal", run_id, "each", "--task-index", "3", code=2)
    assert done.stderr.startswith('error: step "each" has no task 3')
