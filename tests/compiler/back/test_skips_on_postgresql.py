"""What handlers get when steps are skipped: whatever PostgreSQL hands out fits the generated types."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from pgflowc.compile import compile_sources
from pgflowc.render import Layout
from pgflowc_runtime import Flow

SPEC = """\
flow: skips
input: {n: int}
steps:
  base: {output: {n: int}}
  unmet: {depends_on: [base], if: {base: {n: 1}}, output: [int]}
  unmet_cascade: {depends_on: [base], if: {base: {n: 1}}, when_unmet: skip-cascade, output: {a: int}}
  after_unmet: {depends_on: [unmet_cascade], output: int}
  failing: {depends_on: [base], when_exhausted: skip, output: [int]}
  failing_cascade: {when_exhausted: skip-cascade, output: {a: int}}
  after_failing: {depends_on: [failing_cascade], output: int}
  mapped: {map: unmet, output: int}
  mapped_failing: {map: failing, when_exhausted: skip, output: int}
  twice: {map: mapped_failing, output: int}
  join: {depends_on: [base, unmet, failing, mapped, mapped_failing, twice], output: int}
  rest: {depends_on: [join, unmet_cascade, failing_cascade]}
"""
OUTPUTS: dict[str, Any] = {
    "unmet": [1, 2],
    "failing": [3],
    "unmet_cascade": {"a": 1},
    "failing_cascade": {"a": 2},
}
MAY_FAIL = ("failing", "failing_cascade", "mapped_failing")
# By step: what it needs to have run to run at all.
CASCADES = {"unmet_cascade": ("after_unmet", "rest"), "failing_cascade": ("after_failing", "rest")}


@pytest.fixture
def flow() -> Flow[Any]:
    module = sys.modules["skips"] = ModuleType("skips")
    compilation = compile_sources({"flows/skips.yaml": SPEC}, Layout("shop"), {})
    exec(compilation.rendered.files["shop/_generated/skips.py"], module.__dict__)
    module.__dict__["up"] = compilation.rendered.files["migrations/0001_create_skips.sql"]
    return next(value for value in vars(module).values() if isinstance(value, Flow))


def test_arguments_fit_their_types_whatever_is_skipped(flow: Flow[Any], core_dsn: str) -> None:
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        connection.execute(sys.modules["skips"].up)
        worker = connection.execute(
            "insert into pgflow.workers (worker_id, queue_name, function_name) "
            "values (gen_random_uuid(), 'skips', 'test') returning worker_id"
        ).fetchone()
        assert worker is not None
        for n, fails in itertools.product((0, 1), _subsets(MAY_FAIL)):
            run = connection.execute(
                "select run_id from pgflow.start_flow('skips', %s)", [Jsonb({"n": n})]
            ).fetchone()
            assert run is not None
            arguments = _run_to_its_end(connection, flow, worker[0], n, fails)
            states = dict(
                connection.execute(
                    "select step_slug, status from pgflow.step_states where run_id = %s", run
                ).fetchall()
            )
            _check(states, arguments)


def _subsets(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(len(words) + 1):
        yield from itertools.combinations(words, size)


def _run_to_its_end(
    connection: psycopg.Connection[Any], flow: Flow[Any], worker: UUID, n: int, fails: tuple[str, ...]
) -> dict[str, Any]:
    """What the handlers got, by step; each argument is read as a worker reads it."""
    arguments: dict[str, Any] = {}
    while True:
        tasks = connection.execute(
            "select t.run_id, t.step_slug, t.task_index, coalesce(t.flow_input, t.input)::text "
            "from pgflow.start_tasks('skips', array(select msg_id from pgmq.read('skips', 60, 100)), %s) t",
            [worker],
        ).fetchall()
        if not tasks:
            return arguments
        for run_id, slug, index, text in tasks:
            arguments[slug] = TypeAdapter(flow.step(slug).argument).validate_json(text)
            if slug in fails:
                connection.execute("select pgflow.fail_task(%s, %s, %s, 'no')", [run_id, slug, index])
            else:
                output = {"n": n} if slug == "base" else OUTPUTS.get(slug, 7)
                connection.execute(
                    "select pgflow.complete_task(%s, %s, %s, %s)", [run_id, slug, index, Jsonb(output)]
                )


def _check(states: dict[str, str], arguments: dict[str, Any]) -> None:
    assert set(states.values()) <= {"completed", "skipped"}
    join = arguments["join"]
    for slug in ("unmet", "failing", "mapped_failing"):
        assert (getattr(join, slug) is None) is (states[slug] == "skipped"), slug
    # A map over what was skipped is not skipped.
    assert join.mapped == ([] if join.unmet is None else [7, 7])
    assert join.twice == ([] if not join.mapped_failing else [7])
    for slug, dependents in CASCADES.items():
        if states[slug] == "skipped":
            assert all(states[dependent] == "skipped" for dependent in dependents)
            assert not arguments.keys() & set(dependents)
    if "rest" in arguments:
        assert arguments["rest"].unmet_cascade.a == 1
