"""The lock and what is planned from it, beyond what the golden cases show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report
from pgflowc.graph.model import Flow
from pgflowc.plan import (
    Lock,
    LockedMigration,
    Plan,
    Target,
    chained,
    changes,
    checksum,
    definition_hash,
    dump_lock,
    fingerprints,
    locked,
    parse_lock,
    plan,
    shape_of,
    undo,
)

SPEC = """\
flow: orders
max_attempts: 3
input: {n: int}
steps:
  a: {output: {n: int}}
  b: {depends_on: [a], timeout: 30}
  c:
    depends_on: [a, b]
    if: {a: {n: 1}}
    when_unmet: skip-cascade
    when_exhausted: skip
"""


def _flow(text: str = SPEC) -> Flow:
    report = Report()
    flows = check_sources({"flows/orders.yaml": text}, report)
    assert not report.has_errors, report.sorted()
    return flows[0]


def _locked(*flows: Flow) -> Lock:
    migrations = []
    for number, flow in enumerate(flows, 1):
        name = f"{number:04}_create_{flow.slug}.sql"
        migrations.append(LockedMigration(name, flow.slug, checksum(name.encode()), {"core": 1}))
    entries = {flow.slug: locked(flow.slug, shape_of(flow), fingerprints(flow)) for flow in flows}
    return chained(entries, migrations)


def _present(lock: Lock) -> dict[str, bytes]:
    return {one.name: one.name.encode() for one in lock.migrations}


def _planned(lock: Lock, flows: Sequence[Flow], present: Mapping[str, bytes], report: Report) -> Plan:
    return plan(lock, flows, Target("migrations", present), report)


def test_the_lock_survives_the_way_to_text_and_back() -> None:
    lock = _locked(_flow(), _flow("job: mail\nperform: {max_attempts: 2}\n"))
    report = Report()
    assert parse_lock(dump_lock(lock), report) == lock
    assert not report.sorted()
    assert json.loads(dump_lock(lock))["version"] == 2
    assert parse_lock(dump_lock(Lock()), Report()) == Lock()


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_makes_reading_the_lock_fail(text: str) -> None:
    report = Report()
    assert (parse_lock(text, report) is None) is report.has_errors


@given(st.data())
def test_a_lock_with_anything_changed_is_refused(data: st.DataObject) -> None:
    raw = json.loads(dump_lock(_locked(_flow())))
    *path, key = data.draw(st.sampled_from(list(_paths(raw))))
    holder: Any = raw
    for step in path:
        holder = holder[step]
    holder[key] = data.draw(
        st.sampled_from([None, "x", -1, [], {}, [1], True]).filter(lambda v: v != holder[key])
    )
    report = Report()
    lock = parse_lock(json.dumps(raw), report)
    # Which flows there are only shows in the specs, and what a migration was written for nowhere else.
    assert lock is None or key == "flows" or "targets" in [*path, key]
    assert (lock is None) is report.has_errors


def _paths(value: Any) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, ...]] = []
    for key, inner in items:
        found.append((key,))
        found += [(key, *path) for path in _paths(inner)]
    return found


@pytest.mark.parametrize("nesting", ["[" * 100_000, '{"a":' * 100_000])
def test_nesting_does_not_exhaust_the_stack(nesting: str) -> None:
    report = Report()
    assert parse_lock(nesting, report) is None
    assert report.has_errors


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("max_attempts: 3", "max_attempts: 4", ["~ flow orders: max_attempts 3 -> 4"]),
        ("timeout: 30", "timeout: 1m", ["~ step b: timeout 30 -> 60"]),
        (", timeout: 30", "", ["~ step b: timeout 30 -> unset"]),
        ("depends_on: [a, b]", "depends_on: [a]", ["~ step c: depends_on [a, b] -> [a]"]),
        ("if: {a: {n: 1}}", "if_not: {a: {n: 1}}", ["~ step c: if ", "~ step c: if_not unset"]),
        ("skip-cascade", "fail", ["~ step c: when_unmet skip-cascade -> fail"]),
        ("when_exhausted: skip", "", ["~ step c: when_exhausted skip -> fail"]),
        ("  c:\n", "  d:\n", ["+ step d: after a, b", "- step c"]),
        ("  c:\n", "  d:\n    was: c\n", ["~ step c: is now d"]),
        ("input: {n: int}", "cron: '@hourly'", ['~ flow orders: cron unset -> "@hourly"']),
        # No difference to the database:
        ("[a, b]", "[b, a]", []),
        ("input: {n: int}", "input: {m: str}", []),
        ("  c:\n", "  c:\n    was: b4\n", []),
        ("  a: {output: {n: int}}\n", "  a: {output: {n: int}, description: x, handler: m:f}\n", []),
    ],
)
def test_changes_are_named_as_in_the_spec(old: str, new: str, found: list[str]) -> None:
    before, after = _flow(), _flow(SPEC.replace(old, new))
    seen = changes("orders", shape_of(before), shape_of(after), after)
    assert len(seen) == len(found)
    assert all(op.line.startswith(text) for op, text in zip(seen, found, strict=True)), seen
    same = definition_hash("orders", shape_of(before)) == definition_hash("orders", shape_of(after))
    assert same is (not found or "cron" in found[0])

    report = Report()
    lock = _locked(before)
    planned = _planned(lock, [after], _present(lock), report)
    breaking = any(op.needs_drain for op in seen)
    assert [one.code.id for one in report.sorted()] == (["PGF801"] if breaking else [])
    assert len(planned.migrations) == bool(found and not breaking)
    assert all(op.cause is not None and op.cause.path == "flows/orders.yaml" for op in seen)
    # What undoes the operations undoes them: going back, there is nothing left to do.
    back = undo("orders", seen, shape_of(before), shape_of(after))
    assert undo("orders", back, shape_of(after), shape_of(before)) == seen


def test_the_order_of_steps_is_no_change() -> None:
    swapped = _flow("flow: x\nsteps:\n  b: {}\n  a: {}\n")
    before = _flow("flow: x\nsteps:\n  a: {}\n  b: {}\n")
    assert not changes("x", shape_of(before), shape_of(swapped))
    assert definition_hash("x", shape_of(before)) == definition_hash("x", shape_of(swapped))


@pytest.mark.parametrize(
    ("names", "first"),
    [
        ([], "0001"),
        (["README.md", "9_x", "x_9.sql"], "0001"),
        (["0007_ours.sql", "0002_x.down.sql"], "0008"),
        (["9999_x.sql"], "10000"),
        (["20261122101500_timestamped.sql"], "20261122101501"),
    ],
)
def test_numbers_go_on_after_the_highest(names: list[str], first: str) -> None:
    flows = [_flow("flow: a\nsteps: {s: {}}\n"), _flow("flow: b\nsteps: {s: {}}\n")]
    planned = _planned(Lock(), flows, dict.fromkeys(names, b""), Report())
    assert [one.name for one in planned.migrations] == [f"{first}_create_a", f"{int(first) + 1:04}_create_b"]
    assert [[op.flow for op in one.down] for one in planned.migrations] == [["a"], ["b"]]
    assert planned.migrations[0].up[0].cause == flows[0].span


@pytest.mark.parametrize(
    ("unrecorded", "planned"),
    [
        # As a compilation leaves them that is killed before it writes the lock.
        (["0002_create_a.down.sql"], ["0002_create_a", "0003_create_b"]),
        (["0002_create_a.down.sql", "0002_create_a.sql"], ["0002_create_a", "0003_create_b"]),
        (["0002_create_b.sql", "0003_create_a.sql"], ["0002_create_b", "0003_create_a"]),
        # The file belongs to a flow that a later migration deleted.
        (["0002_create_a.sql", "0003_delete_a.sql"], ["0004_create_a", "0005_create_b"]),
        (["0002_create_gone.sql"], ["0003_create_a", "0004_create_b"]),
    ],
)
def test_a_migration_that_the_lock_misses_keeps_its_number(unrecorded: list[str], planned: list[str]) -> None:
    flows = [_flow(f"flow: {slug}\nsteps: {{s: {{}}}}\n") for slug in "ab"]
    lock = _locked(_flow())
    present = _present(lock) | dict.fromkeys(unrecorded, b"-- Generated by pgflowc from flows/ab.yaml.\n")
    found = _planned(lock, [*flows, _flow()], present, Report())
    assert [one.name for one in found.migrations] == planned


def test_migrations_of_users_are_no_leftovers() -> None:
    present = {"0001_create_a.sql": b"create table a ();\n"}
    found = _planned(Lock(), [_flow("flow: a\nsteps: {s: {}}\n")], present, Report())
    assert [one.name for one in found.migrations] == ["0002_create_a"]
