"""Golden cases of changes: two states of a spec, the migration between them, and what it does to PostgreSQL.

tests/changes/<name>/ holds `before.yaml`, `after.yaml`, the migrations that compiling the second one adds to
what compiling the first one left, and `summary.txt`, what the command says about them.
`PGFLOWC_UPDATE_CASES=1 pytest tests/compiler/back/test_changes.py` writes the two last anew; read the diff.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from pgflowc.cli.changes import describe
from pgflowc.compile import Compilation, compile_sources
from pgflowc.database.cluster import Cluster
from pgflowc.database.live_flows import read_live_flows
from pgflowc.diagnostics import Report
from pgflowc.diagnostics.text import render
from pgflowc.document.referred import Specs
from pgflowc.plan import LOCK, FlowShape, StepShape, definition_hash, parse_lock, shape_of
from pgflowc.plan.versions import stored_slug
from pgflowc.pull import Stored, pull
from pgflowc.render import Layout
from pgflowc.settings import DEFAULT_FLOWS
from pgflowc_runtime import queries

CASES = Path(__file__).parents[2] / "changes"
NAMES = sorted(case.name for case in CASES.iterdir())
UPDATE = os.environ.get("PGFLOWC_UPDATE_CASES") == "1"
LAYOUT = Layout("shop")

Files = dict[str, bytes]

SLUGS = st.sampled_from("abcdefgh")
STEP_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "max_attempts": st.integers(0, 3),
        "base_delay": st.integers(0, 3),
        "timeout": st.integers(1, 3),
        "start_delay": st.integers(0, 3),
        "when_exhausted": st.sampled_from(["skip", "skip-cascade", "fail"]),
    },
)
SIGNALS = st.fixed_dictionaries(
    {
        "payload": st.sampled_from(
            [
                "any",
                "uuid",
                {"ok": "bool", "note": "str | null", "more": ["T | int"]},
                {"b": "T"},
                "map of date",
            ]
        )
    },
    optional={"wait_for": st.integers(1, 3)},
)
APPROVED = {"depends_on", "if", "if_not", "when_unmet", "was"}
CRON = st.builds(
    lambda schedule, zone, value: {"schedule": schedule, "timezone": zone, "input": {"v": value}},
    st.sampled_from(["@hourly", "0 9 * * *", "*/5 * * * 1-5"]),
    st.sampled_from(["UTC", "Europe/Berlin"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5),
)
FLOW_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "max_attempts": st.integers(0, 3),
        "base_delay": st.integers(0, 3),
        "timeout": st.integers(1, 3),
        "cron": CRON,
    },
)


@pytest.fixture(scope="module")
def dsn(cluster: Cluster, _template: str) -> str:
    """A database with the core that the cases share: each leaves it empty."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(f"create database changes template {_template}".encode())
    return cluster.dsn("changes")


@pytest.mark.parametrize("name", NAMES)
def test_change(name: str, dsn: str) -> None:
    case = CASES / name
    first = _compiled(_text(case, "before.yaml"), {})
    second = _compiled(_text(case, "after.yaml"), _written({}, first))
    new = _migrations(second)
    summary = "".join(f"{line}\n" for line in describe(second.plan, LAYOUT.migration))
    if UPDATE:
        for path in (*case.glob("*.sql"), case / "summary.txt"):
            path.unlink(missing_ok=True)
        for path, text in {**new, "summary.txt": summary}.items():
            if text:
                (case / path).write_text(text, encoding="utf-8")
    assert new == {path.name: path.read_text(encoding="utf-8") for path in case.glob("*.sql")}
    assert summary == _text(case, "summary.txt")

    with psycopg.connect(dsn) as connection:
        _apply(connection, _migrations(first))
        before = _stored(connection)
        assert before == _recorded(first)
        _apply(connection, new)
        assert _stored(connection) == _recorded(second)
        # Not only as recorded: as a database has it that never saw the former spec, the order of steps aside.
        current = {slug: flow.version for slug, flow in second.plan.flows.items()}
        specified = {stored_slug(flow.slug, current[flow.slug]): shape_of(flow) for flow in second.flows}
        assert _definitions(_recorded(second)).items() >= _definitions(specified).items()
        _undo(connection, new)
        assert _stored(connection) == before
        _undo(connection, _migrations(first))
        assert _stored(connection) == {}
        assert connection.execute("select count(*) from pgflowc.flow_versions").fetchone() == (0,)


def test_a_flow_goes_with_all_its_versions(dsn: str) -> None:
    text = "flow: order\ncron: '@hourly'\nsteps: {check: {}, charge: {depends_on: [check]}}\n"
    states: list[tuple[dict[str, str], dict[str, FlowShape]]] = []
    files: Files = {}
    with psycopg.connect(dsn) as connection:
        for spec in (text, text.replace("[check]", "[]"), text.replace("charge: {", "bill: {"), ""):
            compilation = _compiled(spec or "flow: other\nsteps: {a: {}}\n", files)
            states.append((_migrations(compilation), _stored(connection)))
            _apply(connection, states[-1][0])
            files = _written(files, compilation)
        assert [*_stored(connection)] == ["other"]
        assert connection.execute("select count(*) from pgflowc.flow_versions").fetchone() == (0,)
        assert connection.execute("select count(*) from pgflowc.schedules").fetchone() == (0,)
        for migrations, before in reversed(states):
            _undo(connection, migrations)
            assert _stored(connection) == before


def test_a_linter_of_migrations_has_nothing_to_say() -> None:
    squawk = Path(sys.executable).with_name("squawk")
    files = [*CASES.glob("*/*.sql"), *CASES.parent.glob("cases/*/expected/**/*_create_*.sql")]
    assert len(files) > 150
    done = subprocess.run([squawk, "--pg-version=14", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@st.composite
def _specs(draw: st.DrawFn) -> dict[str, Any]:
    """A flow or job whose changes may be of any sort."""
    on_change = draw(st.sampled_from(["drain", "recreate", "version", "version"]))
    if draw(st.integers(0, 9)) == 0:
        return {"job": "f", "on_change": on_change, "perform": {"step": draw(SLUGS), **draw(STEP_OPTIONS)}}
    slugs = draw(st.lists(SLUGS, min_size=1, max_size=6, unique=True))
    steps: dict[str, Any] = {}
    for place, slug in enumerate(slugs):
        step = {"output": ["json"], **draw(STEP_OPTIONS)}
        if draw(st.integers(0, 3)) == 0:
            step["signal"] = draw(SIGNALS)
        before = draw(st.lists(st.sampled_from(slugs[:place]), unique=True)) if place else []
        if len(before) == 1 and draw(st.booleans()):
            step["map"] = before[0]
        elif before:
            step["depends_on"] = before
        if draw(st.booleans()):
            pattern = {draw(st.sampled_from(before)): []} if before else {"n": draw(st.integers(0, 2))}
            step[draw(st.sampled_from(["if", "if_not"]))] = pattern
            step["when_unmet"] = draw(st.sampled_from(["skip", "skip-cascade", "fail"]))
        if "map" not in step and draw(st.integers(0, 3)) == 0:
            # What it is sent is a list, since others may map over it.
            approval = {
                **draw(SIGNALS),
                "payload": ["T"],
                "on_timeout": draw(st.sampled_from(["fail", "skip"])),
            }
            step = {key: step[key] for key in step.keys() & APPROVED} | {"approval": approval}
        steps[slug] = step
    for slug, was in draw(st.dictionaries(st.sampled_from(slugs), SLUGS, max_size=2)).items():
        if was not in slugs and all(step.get("was") != was for step in steps.values()):
            steps[slug]["was"] = was
    written = draw(st.permutations(list(steps)))
    spec = {"flow": "f", "on_change": on_change, "input": "json", **draw(FLOW_OPTIONS)}
    spec["types"] = {"T": {"n": "int", "parts": ["T"], "kind": {"$enum": ["a", 1, None]}}}
    spec["extra_fields"] = draw(st.sampled_from(["ignore", "forbid"]))
    return {**spec, "steps": {slug: steps[slug] for slug in written}}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    specs=st.lists(_specs(), min_size=2, max_size=5),
    retired=st.frozensets(st.tuples(st.just("f"), st.integers(1, 3))),
)
def test_lock_database_and_spec_agree_after_any_change(
    specs: list[dict[str, Any]], retired: frozenset[tuple[str, int]], dsn: str
) -> None:
    files: Files = {}
    states: list[tuple[dict[str, str], dict[str, FlowShape]]] = []
    with psycopg.connect(dsn) as connection:
        try:
            for written in specs:
                spec = _truthful(written, states[-1][1]) if states else written
                compilation = _compiled(json.dumps(spec, ensure_ascii=False), files, retired)
                migrations = _migrations(compilation)
                _apply(connection, migrations)
                stored = _stored(connection)
                assert stored == _recorded(compilation)
                current = stored_slug("f", compilation.plan.flows["f"].version)
                specified = {current: shape_of(compilation.flows[0])}
                assert _definitions(stored).items() >= _definitions(specified).items()
                order = [step.slug for step in stored[current].steps]
                assert all(
                    order.index(one) < order.index(s.slug)
                    for s in stored[current].steps
                    for one in s.depends_on
                )
                files = _written(files, compilation)
                again = _compiled(json.dumps(spec, ensure_ascii=False), files)
                assert not _migrations(again)
                assert all(files[path] == text.encode() for path, text in again.rendered.files.items())
                states.append((migrations, stored))
            for migrations, stored in reversed(states):
                assert _stored(connection) == stored
                _undo(connection, migrations)
            assert _stored(connection) == {}
        finally:
            connection.rollback()
            connection.execute("select pgflow.delete_flow_and_data(f.flow_slug) from pgflow.flows f")
            connection.execute("delete from pgflowc.flow_versions")
            connection.execute("select pgflowc.remove_schedule('f')")
            connection.commit()


def _truthful(spec: dict[str, Any], stored: dict[str, FlowShape]) -> dict[str, Any]:
    """The spec without `was` where no step had that slug, which is refused."""
    known = {step.slug for shape in stored.values() for step in shape.steps}
    steps = {
        slug: {key: value for key, value in step.items() if key != "was" or {slug, value} & known}
        for slug, step in spec.get("steps", {}).items()
    }
    return {**spec, "steps": steps} if steps else spec


def _compiled(spec: str, present: Files, retired: frozenset[tuple[str, int]] = frozenset()) -> Compilation:
    compilation = compile_sources(
        {"flows/flows.yaml": spec}, LAYOUT, present, allow_data_loss=True, retired=retired
    )
    assert not compilation.failed, render(
        compilation.diagnostics, compilation.sources, color=False, width=100
    )
    return compilation


def _written(present: Files, compilation: Compilation) -> Files:
    written = present | {path: text.encode() for path, text in compilation.rendered.files.items()}
    return {path: text for path, text in written.items() if path not in compilation.rendered.removed}


def _text(case: Path, name: str) -> str:
    return (case / name).read_text(encoding="utf-8") if (case / name).exists() else ""


def _migrations(compilation: Compilation) -> dict[str, str]:
    return {
        path.removeprefix("migrations/"): text
        for path, text in compilation.rendered.files.items()
        if path.startswith("migrations/")
    }


def _apply(connection: psycopg.Connection, migrations: Mapping[str, str]) -> None:
    for name, text in sorted(migrations.items()):
        if not name.endswith(".down.sql"):
            connection.execute(text.encode())
            connection.commit()


def _undo(connection: psycopg.Connection, migrations: Mapping[str, str]) -> None:
    for name, text in sorted(migrations.items(), reverse=True):
        if name.endswith(".down.sql"):
            connection.execute(text.encode())
            connection.commit()


def _recorded(compilation: Compilation) -> dict[str, FlowShape]:
    """What the lock says of stored flows; dependencies sorted, since their order is for readers."""
    lock = parse_lock(compilation.rendered.files[LOCK], Report())
    assert lock is not None
    shapes = {stored_slug(slug, flow.version): flow.shape for slug, flow in lock.flows.items()}
    for slug, flow in lock.flows.items():
        # How long ended runs are kept is the same for all versions.
        shapes |= {
            stored_slug(slug, former.version): replace(former.shape, retention=flow.retention)
            for former in flow.former
        }
    return {
        slug: replace(shape, steps=tuple(map(_with_sorted, shape.steps))) for slug, shape in shapes.items()
    }


def _with_sorted(step: StepShape) -> StepShape:
    return replace(step, depends_on=tuple(sorted(step.depends_on)))


def _definitions(flows: Mapping[str, FlowShape]) -> dict[str, object]:
    return {slug: (definition_hash(slug, shape), shape.cron) for slug, shape in flows.items()}


def _stored(connection: psycopg.Connection) -> dict[str, FlowShape]:
    """The flows of a database, read from its tables."""
    live = read_live_flows(connection).flows.values()
    assert not [flow.slug for flow in live if flow.notes or flow.paused]
    for flow in live:
        # What workers hold against generated code is made from the same tables, by the runtime.
        assert _hash_at_run_time(connection, flow.slug) == definition_hash(flow.slug, flow.shape)
    # Back to specs: a spec that would not lead to the same shape is a fault.
    pulled = pull([Stored(flow.slug, flow.shape) for flow in live], Specs({}), DEFAULT_FLOWS)
    assert pulled.faults == ()
    assert len(pulled.files) == len(live)
    return {flow.slug: flow.shape for flow in live}


def _hash_at_run_time(connection: psycopg.Connection, slug: str) -> str:
    query = queries.stored_flow(slug)
    with connection.cursor(row_factory=dict_row) as cursor:
        stored = query.decode(cursor.execute(query.sql.encode(), query.params).fetchall())
    assert stored is not None
    return stored.definition_hash("flow")
