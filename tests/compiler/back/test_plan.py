"""The lock and what is planned from it, beyond what the golden cases show."""

from __future__ import annotations

import json
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
    checksum,
    definition_hash,
    dump_lock,
    parse_lock,
    plan,
    shape_of,
)
from pgflowc.plan.changes import changes

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
    lock = Lock()
    for number, flow in enumerate(flows, 1):
        name = f"{number:04}_create_{flow.slug}.sql"
        lock = lock.created(flow.slug, shape_of(flow), LockedMigration(name, checksum(name.encode())))
    return lock


def _present(lock: Lock) -> dict[str, bytes]:
    return {one.name: one.name.encode() for flow in lock.flows.values() for one in flow.migrations}


def test_the_lock_survives_the_way_to_text_and_back() -> None:
    lock = _locked(_flow(), _flow("job: mail\nperform: {max_attempts: 2}\n"))
    report = Report()
    assert parse_lock(dump_lock(lock), report) == lock
    assert not report.sorted()
    assert json.loads(dump_lock(lock))["version"] == 1
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
    # Names and checksums of migrations, and which flows there are, only show in the migrations themselves.
    assert lock is None or "migrations" in [*path, key] or key == "flows"
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
        ("max_attempts: 3", "max_attempts: 4", ["max_attempts 3 -> 4"]),
        ("timeout: 30", "timeout: 1m", ["step 'b': timeout 30 -> 60"]),
        (", timeout: 30", "", ["step 'b': timeout 30 -> unset"]),
        ("depends_on: [a, b]", "depends_on: [a]", ["step 'c': depends_on [a, b] -> [a]"]),
        ("if: {a: {n: 1}}", "if_not: {a: {n: 1}}", ["if", "if_not"]),
        ("skip-cascade", "fail", ["step 'c': when_unmet skip-cascade -> fail"]),
        ("when_exhausted: skip", "", ["step 'c': when_exhausted skip -> fail"]),
        ("  c:\n", "  d:\n", ["step 'd': added", "step 'c': removed"]),
        # No difference to the database:
        ("[a, b]", "[b, a]", []),
        ("input: {n: int}", "input: {m: str}", []),
        ("  a: {output: {n: int}}\n", "  a: {output: {n: int}, description: x, handler: m:f}\n", []),
    ],
)
def test_changes_are_named_as_in_the_spec(old: str, new: str, found: list[str]) -> None:
    before, after = _flow(), _flow(SPEC.replace(old, new))
    seen = changes(shape_of(before), shape_of(after))
    assert len(seen) == len(found)
    assert all(text in str(change) for change, text in zip(seen, found, strict=True))
    same = definition_hash("orders", shape_of(before)) == definition_hash("orders", shape_of(after))
    assert same is (not found)

    report = Report()
    lock = _locked(before)
    planned = plan(lock, [after], "migrations", _present(lock), report)
    assert planned.migrations == ()
    assert [one.code.id for one in report.sorted()] == (["PGF801"] if found else [])


def test_the_order_of_steps_is_no_change() -> None:
    swapped = _flow("flow: x\nsteps:\n  b: {}\n  a: {}\n")
    before = _flow("flow: x\nsteps:\n  a: {}\n  b: {}\n")
    assert not changes(shape_of(before), shape_of(swapped))
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
    planned = plan(Lock(), flows, "migrations", dict.fromkeys(names, b""), Report())
    assert [one.name for one in planned.migrations] == [f"{first}_create_a", f"{int(first) + 1:04}_create_b"]
    assert [one.op.reverse.slug for one in planned.migrations] == ["a", "b"]
    assert planned.migrations[0].op.cause == flows[0].span


@pytest.mark.parametrize(
    ("unrecorded", "planned"),
    [
        # As a compilation leaves them that is killed before it writes the lock.
        (["0002_create_a.down.sql"], ["0002_create_a", "0003_create_b"]),
        (["0002_create_a.down.sql", "0002_create_a.sql"], ["0002_create_a", "0003_create_b"]),
        (["0002_create_b.sql", "0003_create_a.sql"], ["0003_create_a", "0002_create_b"]),
        # The file belongs to a flow that a later migration deleted.
        (["0002_create_a.sql", "0003_delete_a.sql"], ["0004_create_a", "0005_create_b"]),
        (["0002_create_gone.sql"], ["0003_create_a", "0004_create_b"]),
    ],
)
def test_a_migration_that_the_lock_misses_keeps_its_number(unrecorded: list[str], planned: list[str]) -> None:
    flows = [_flow(f"flow: {slug}\nsteps: {{s: {{}}}}\n") for slug in "ab"]
    lock = _locked(_flow())
    present = _present(lock) | dict.fromkeys(unrecorded, b"-- Generated by pgflowc from flows/ab.yaml.\n")
    found = plan(lock, [*flows, _flow()], "migrations", present, Report())
    assert [one.name for one in found.migrations] == planned


def test_migrations_of_users_are_no_leftovers() -> None:
    present = {"0001_create_a.sql": b"create table a ();\n"}
    found = plan(Lock(), [_flow("flow: a\nsteps: {s: {}}\n")], "migrations", present, Report())
    assert [one.name for one in found.migrations] == ["0002_create_a"]
