"""Golden cases of `pgflowc diff`: what it says of each change in tests/changes/, with runs alive in the flow.

The database has `before.yaml` and in each flow two runs, one of which is past its first steps; the specs are
`after.yaml`. `diff.txt` is what a terminal shows; a few cases have it in the other formats, too.
`PGFLOWC_UPDATE_CASES=1 pytest tests/compiler/back/test_diff_cases.py` writes them anew; read the diff.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgflowc.check import check_sources
from pgflowc.compile import compile_sources
from pgflowc.database.alive_runs import read_alive_runs
from pgflowc.database.cluster import Cluster
from pgflowc.database.live_flows import read_live_flows, state_of_database
from pgflowc.diagnostics import Report
from pgflowc.plan import LOCK, parse_lock, shape_of
from pgflowc.plan.agreement import agreed
from pgflowc.plan.difference import Difference, Known, difference, with_alive
from pgflowc.plan.ops import OrderSteps
from pgflowc.plan.shape import CronShape
from pgflowc.plan.state import State, StateFlow, state_of_lock, state_of_specs
from pgflowc.render import Layout
from pgflowc.render.differences import json_report, markdown, script, text

CASES = Path(__file__).parents[2] / "changes"
NAMES = sorted(case.name for case in CASES.iterdir())
UPDATE = os.environ.get("PGFLOWC_UPDATE_CASES") == "1"
# Cases that show the other formats.
IN_ALL_FORMATS = ("everything", "condition_hostile", "flow_recreated", "two_flows_changed")
VARIES = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "RUN"),
    (re.compile(r"the oldest for \d+ s"), "the oldest for AGE"),
    (re.compile(r'"oldest": "[^"]+"'), '"oldest": "TIME"'),
)


@pytest.fixture(scope="module")
def dsn(cluster: Cluster, _template: str) -> str:
    """A database with the core that the cases share: each leaves it empty."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(f"create database diff_cases template {_template}".encode())
    return cluster.dsn("diff_cases")


@pytest.mark.parametrize("name", NAMES)
def test_what_diff_says_of_a_change(name: str, dsn: str) -> None:
    case = CASES / name
    first = compile_sources({"flows/flows.yaml": _text(case, "before.yaml")}, Layout("shop"), {})
    lock = parse_lock(first.rendered.files[LOCK], Report())
    assert lock is not None
    with psycopg.connect(dsn) as connection:
        for path, migration in sorted(first.rendered.files.items()):
            if path.endswith(".sql") and not path.endswith(".down.sql"):
                connection.execute(migration.encode())
        for flow in first.flows:
            _start_runs(connection, flow.slug)
        state = state_of_database(read_live_flows(connection))
        specs = state_of_specs(
            check_sources({"flows/flows.yaml": _text(case, "after.yaml")}, Report()), "auto"
        )
        known = Known(state_of_lock(lock))
        found = difference(state, specs, known, {*lock.flows, *specs.flows})
        found = with_alive(found, read_alive_runs(connection, found.at_risk))
        same = difference(state, known.lock, known, set(lock.flows))
        if not any(flow.makes_version for flow in found.flows):
            connection.execute(
                "update pgflow.runs set status = 'failed', failed_at = now() where status = 'started'"
            )
            connection.execute(script.render(found, drift_only=False).encode())
            after = state_of_database(read_live_flows(connection))
            left = [op for op in _ops(difference(after, specs)) if "type changed" not in op[1]]
            assert left == [], "the script does not lead all the way"
        connection.rollback()

    # What the migration made is what the lock says, and the lock leads to the specs by the same operations.
    assert same.flows == ()
    assert _ops(difference(known.lock, specs)) == _ops(found)
    assert not any(line.drift for line in found.lines)
    _compare(case / "diff.txt", text.render(found))
    if name in IN_ALL_FORMATS:
        _compare(case / "diff.md", markdown.render(found))
        _compare(case / "diff.json", json_report.render(found))
        _compare(case / "diff.script.txt", script.render(found, drift_only=False))


def _start_runs(connection: psycopg.Connection, slug: str) -> None:
    """Two runs: one has just begun, the other has its first steps behind it."""
    for _ in range(2):
        connection.execute("select pgflow.start_flow(%s, '[1, 2]')", [slug])
    connection.execute(
        """select pgflow.complete_task(t.run_id, t.step_slug, t.task_index, '[1, 2]')
           from (select s.* from pgflow.step_tasks s
                 where s.run_id = (select max(r.run_id::text)::uuid from pgflow.runs r
                                   where r.flow_slug = %(slug)s)
                   and s.status = 'queued') q,
           lateral pgflow.start_tasks(%(slug)s, array[q.message_id], null) t""",
        {"slug": slug},
    )


def _ops(found: Difference) -> list[tuple[str, str]]:
    return [
        (flow.name, op.change) for flow in found.flows for op in flow.ops if not isinstance(op, OrderSteps)
    ]


def _compare(golden: Path, output: str) -> None:
    for pattern, word in VARIES:
        output = pattern.sub(word, output)
    if UPDATE:
        golden.write_text(output, "utf-8")
    assert golden.exists(), "write it: PGFLOWC_UPDATE_CASES=1 pytest tests/compiler/back/test_diff_cases.py"
    assert output == golden.read_text("utf-8")


def _text(case: Path, name: str) -> str:
    return (case / name).read_text("utf-8") if (case / name).exists() else ""


def test_between_specs_alone_a_version_has_no_number() -> None:
    before, after = (
        state_of_specs(check_sources({"f.yaml": spec}, Report()), "auto")
        for spec in ("flow: f\nsteps: {a: {}}\n", "flow: f\nsteps: {b: {}}\n")
    )
    found = difference(before, after)
    assert "rolling out" not in text.render(found)
    assert "+   step b (new version)" in text.render(found)
    assert script.render(found, drift_only=False).splitlines()[-2:] == ["", "-- Nothing to do."]


def test_values_that_mean_the_same_are_no_difference() -> None:
    """PostgreSQL keeps numbers as they are written, sets without order, and pg_cron no time zone."""
    step = {"depends_on": [], "if": {"a": 1.0, "b": [True, {"c": 1e20}]}}
    written = {"flow": "f", "input": "json", "steps": {"s": step}}
    (flow,) = check_sources({"f.yaml": json.dumps(written)}, Report())
    shape = shape_of(flow)
    stored = replace(shape.steps[0], required='{"b":[true,{"c":100000000000000000000}],"a":1}')
    there = State("database", {"f": StateFlow(replace(shape, steps=(stored,)))})
    assert difference(there, state_of_specs([flow], "auto")).flows == ()
    other = replace(stored, required=(stored.required or "").replace("true", "1"))
    there = State("database", {"f": StateFlow(replace(shape, steps=(other,)))})
    assert len(difference(there, state_of_specs([flow], "auto")).flows) == 1
    job = CronShape("@daily", "GMT", "{}", "pg_cron")
    assert agreed(replace(shape, cron=job), replace(shape, cron=replace(job, timezone="UTC"))).cron != job
    berlin = replace(shape, cron=replace(job, timezone="Europe/Berlin"))
    assert agreed(berlin, replace(shape, cron=job)) == berlin
