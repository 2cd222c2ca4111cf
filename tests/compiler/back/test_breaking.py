"""`pgflowc breaking`: one finding for each breach of a rule, at the user's line; levels; ignore comments.

Above 400 lines: nearly half is the table of changes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pgflowc.check import check_sources
from pgflowc.cli.app import build
from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.text import render
from pgflowc.plan.breaking import RULES, Level, Places, judge
from pgflowc.plan.breaking.payloads import payload_changes
from pgflowc.plan.state import State, state_of_specs
from pgflowc_language.payload_types import (
    Array,
    Enum,
    Field,
    JsonScalar,
    MapOf,
    Object,
    OneOf,
    PayloadType,
    Scalar,
)

CASES = Path(__file__).parents[2] / "cases" / "breaking"
BEFORE = """\
flow: order
on_change: drain
timeout: 60
types:
  Item: {sku: str, n: int}
input: {id: int, note: str, items: [Item], more: {deep: str | null}}
description: What becomes of an order.
steps:
  check:
    output: {ok: bool, total: int, kind: {$enum: [a, b]}}
    timeout: 50
  list: {depends_on: [check], output: [Item]}
  other: {depends_on: [check], output: [Item]}
  pack:
    map: list
    output: str
  charge:
    depends_on: [check]
    if: {check: {ok: true}}
    output: {id: str}
---
flow: tick
cron: "@daily"
steps: {tick: {}}
"""
# What is edited, and then: the rule, the line that is pointed at, what breaks.
EDITS: dict[str, tuple[list[tuple[str, str]], str, int, str]] = {
    "step gone": (
        [("  pack:\n    map: list\n    output: str\n", "")],
        "STEP_NO_DELETE",
        8,
        "SOURCE, HANDLER, WIRE, INFLIGHT",
    ),
    "step renamed": (
        [("  charge:\n", "  pay:\n    was: charge\n")],
        "STEP_NO_DELETE",
        17,
        "SOURCE, HANDLER, WIRE, INFLIGHT",
    ),
    "steps reordered": (
        [
            ("  list: {depends_on: [check], output: [Item]}\n", ""),
            ("  pack:", "  list: {depends_on: [check], output: [Item]}\n  pack:"),
        ],
        "STEP_NO_REORDER",
        12,
        "WIRE",
    ),
    "dependency added": (
        [("    depends_on: [check]\n", "    depends_on: [check, list]\n")],
        "DEPENDENCIES_SAME",
        18,
        "HANDLER, INFLIGHT",
    ),
    "map to single": (
        [("    map: list\n", "    depends_on: [list]\n")],
        "TYPE_SAME",
        14,
        "HANDLER, WIRE, INFLIGHT",
    ),
    "another source": ([("    map: list\n", "    map: other\n")], "MAP_SOURCE_SAME", 15, "HANDLER, INFLIGHT"),
    "input field gone": (
        [("id: int, note: str, ", "id: int, ")],
        "INPUT_FIELD_NO_DELETE",
        6,
        "SOURCE, HANDLER",
    ),
    "input field new": (
        [("{id: int, note", "{id: int, shop: str | null, note")],
        "",
        0,
        "",
    ),
    "input field required": (
        [("{deep: str | null}", "{deep: str}")],
        "INPUT_FIELD_NO_NEW_REQUIRED",
        6,
        "SOURCE, WIRE, INFLIGHT",
    ),
    "input field of another type": (
        [("note: str", "note: int")],
        "INPUT_FIELD_SAME_TYPE",
        6,
        "SOURCE, HANDLER, WIRE, INFLIGHT",
    ),
    "output field gone": (
        [("ok: bool, total: int, ", "ok: bool, ")],
        "OUTPUT_FIELD_NO_DELETE",
        10,
        "SOURCE, HANDLER",
    ),
    "output field new": (
        [("ok: bool, total", "ok: bool, new: str, total")],
        "OUTPUT_FIELD_NO_NEW_REQUIRED",
        10,
        "SOURCE, HANDLER, WIRE, INFLIGHT",
    ),
    "output field wider": (
        [("total: int", "total: float")],
        "OUTPUT_FIELD_SAME_TYPE",
        10,
        "SOURCE, HANDLER",
    ),
    "output field may be null": (
        [("total: int", "total: int | null")],
        "OUTPUT_FIELD_SAME_TYPE",
        10,
        "SOURCE, HANDLER",
    ),
    "enum with fewer values": (
        [("$enum: [a, b]", "$enum: [a]")],
        "OUTPUT_FIELD_SAME_TYPE",
        10,
        "SOURCE, HANDLER, WIRE, INFLIGHT",
    ),
    "whole output": (
        [("    output: str\n", "    output: int\n")],
        "OUTPUT_FIELD_SAME_TYPE",
        16,
        "SOURCE, HANDLER, WIRE, INFLIGHT",
    ),
    "condition": ([("    if: {check: {ok: true}}\n", "")], "CONDITION_SAME", 17, "INFLIGHT"),
    "timeout of a step": ([("timeout: 50", "timeout: 49")], "TIMEOUT_NO_SHRINK", 11, "INFLIGHT"),
    "timeout of a step that took the flow's": (
        [("    map: list\n", "    map: list\n    timeout: 59\n")],
        "TIMEOUT_NO_SHRINK",
        16,
        "INFLIGHT",
    ),
    "timeout of the flow": ([("timeout: 60", "timeout: 55")], "TIMEOUT_NO_SHRINK", 3, "INFLIGHT"),
    "more time": ([("timeout: 50", "timeout: 500"), ("timeout: 60", "timeout: 600")], "", 0, ""),
    "schedule": ([('"@daily"', '"@weekly"')], "SCHEDULE_SAME", 23, "INFLIGHT"),
    "a step more": ([("steps:\n", "steps:\n  new: {}\n")], "", 0, ""),
    "a name for a type": (
        [("    output: {id: str}\n", "    output: Charge\n"), ("types:\n", "types:\n  Charge: {id: str}\n")],
        "",
        0,
        "",
    ),
}


def _judged(before: str, after: str, level: Level | None = None) -> list[Diagnostic]:
    sources = {"flows/order.yaml": after}
    states = []
    for text in (before, after):
        report = Report()
        states.append(state_of_specs(check_sources({"flows/order.yaml": text}, report), "auto", "git:main"))
        assert not report.has_errors, report.sorted()
    report = Report()
    report.extend(judge(states[0], states[1], level or Level(), Places(sources)))
    return list(report.sorted())


@pytest.mark.parametrize("name", EDITS)
def test_each_change_breaks_one_rule(name: str) -> None:
    edits, rule, line, breaks = EDITS[name]
    after = BEFORE
    for old, new in edits:
        assert old in after
        after = after.replace(old, new, 1)
    found = _judged(BEFORE, after)
    assert len(found) == bool(rule), [one.message for one in found]
    for one in found:
        assert one.message.endswith(f"({rule}: {breaks})")
        assert (one.code.id, one.severity) == (RULES[rule][0].id, "error")
        assert one.span is not None
        assert one.span.start.line == line


@pytest.mark.parametrize("name", [name for name, (_, rule, _, _) in EDITS.items() if rule])
def test_the_text_that_people_see(name: str) -> None:
    after = BEFORE
    for old, new in EDITS[name][0]:
        after = after.replace(old, new, 1)
    _compare(name, _shown(_judged(BEFORE, after), after))


def _shown(found: list[Diagnostic], source: str) -> str:
    return render(found, {"flows/order.yaml": source}, color=False, width=100)


def _compare(name: str, shown: str) -> None:
    """With tests/cases/breaking/, which PGFLOWC_UPDATE_CASES=1 writes anew."""
    golden = CASES / f"{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}.txt"
    if os.environ.get("PGFLOWC_UPDATE_CASES") == "1":
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def test_every_rule_has_a_change_that_breaks_it() -> None:
    covered = {rule for _, rule, _, _ in EDITS.values() if rule}
    assert covered | {"FLOW_NO_DELETE", "KIND_SAME"} == set(RULES)


def test_flows_that_are_gone_or_of_another_kind() -> None:
    before = "job: mail\nperform: {step: send}\n---\nflow: gone\nsteps: {a: {}}\n"
    after = "flow: mail\nsteps: {send: {}}\n"
    found = _judged(before, after)
    _compare("flow gone", _shown(found, after))
    assert [one.message for one in found] == [
        "flow 'gone' is gone (FLOW_NO_DELETE: SOURCE, WIRE, INFLIGHT)",
        "'mail': job -> flow (KIND_SAME: SOURCE)",
    ]


def test_places_of_jobs_and_of_files_in_toml() -> None:
    before, after = ("job: mail\nperform:\n  step: send\n  timeout: 9\n".replace("9", n) for n in "98")
    assert _judged(before, after)[0].span == _judged(before, after)[0].span
    (found,) = _judged(before, after)
    assert found.span is not None
    assert (found.span.start.line, found.span.start.column) == (4, 3)


def test_runs_that_finish_on_a_former_version_are_spared() -> None:
    before = BEFORE.replace("on_change: drain\n", "")
    (found,) = _judged(before, before.replace("depends_on: [check]\n", "depends_on: [check, list]\n"))
    assert found.message.endswith("(DEPENDENCIES_SAME: HANDLER)")
    (found,) = _judged(before, before.replace("    if: {check: {ok: true}}\n", ""))
    assert (found.severity, found.help) == (
        "warning",
        ("runs that are alive finish on the former version of 'order'",),
    )
    # A shorter timeout counts for them all the same.
    (found,) = _judged(before, before.replace("timeout: 50", "timeout: 5"))
    assert found.message.endswith("(TIMEOUT_NO_SHRINK: INFLIGHT)")
    # Beside a change that makes a version, it does not: that version alone has it, and the new types.
    after = before.replace("    if: {check: {ok: true}}\n", "").replace("timeout: 50", "timeout: 5")
    found_there = _judged(before, after.replace("total: int", "total: str"))
    assert [(one.code.id, one.severity) for one in found_there] == [
        ("PGF712", "error"),
        ("PGF714", "warning"),
        ("PGF713", "warning"),
    ]
    assert found_there[0].message.endswith("(OUTPUT_FIELD_SAME_TYPE: SOURCE, HANDLER)")


def test_fields_that_types_do_not_name() -> None:
    def strict(text: str) -> str:
        return text.replace("types:\n", "extra_fields: forbid\ntypes:\n", 1)

    gone = BEFORE.replace("note: str, ", "").replace("total: int, ", "").replace("sku: str, ", "")
    found = _judged(strict(BEFORE), strict(gone))
    assert {one.code.id for one in found} == {"PGF707", "PGF710"}
    assert all(one.message.endswith("NO_DELETE: SOURCE, HANDLER, WIRE, INFLIGHT)") for one in found)
    (found_one,) = _judged(BEFORE, strict(BEFORE))
    assert found_one.message == (
        "fields of 'order' that types do not name: ignore -> forbid (INPUT_FIELD_SAME_TYPE: WIRE, INFLIGHT)"
    )
    assert found_one.span is not None
    assert found_one.span.start.line == 4
    assert _judged(strict(BEFORE), BEFORE) == []


WAITS = """\
flow: order
on_change: drain
types:
  Item: {sku: str, n: int}
steps:
  pay:
    signal:
      payload: {at: date, items: [Item]}
      wait_for: 24h
  agree:
    depends_on: [pay]
    approval:
      payload: {ok: bool, note: str}
      wait_for: 2d
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (" 24h", " 25h", []),
        (
            " 2d\n",
            " 2d\n      on_timeout: skip\n",
            ["15 step 'agree': on_timeout fail -> skip (CONDITION_SAME: INFLIGHT)"],
        ),
        ("at: date, ", "at: date, by: str | null, ", []),
        (" 24h", " 23h", ["9 step 'pay': wait_for 1d -> 23h (TIMEOUT_NO_SHRINK: INFLIGHT)"]),
        (
            "at: date, ",
            "",
            ["8 field 'at' of the signal of step 'pay' is gone (INPUT_FIELD_NO_DELETE: SOURCE, HANDLER)"],
        ),
        (
            "at: date, ",
            "at: date, by: str, ",
            [
                "8 field 'by' of the signal of step 'pay' must be there now: it is new "
                "(INPUT_FIELD_NO_NEW_REQUIRED: SOURCE, WIRE, INFLIGHT)"
            ],
        ),
        (
            "n: int",
            "n: str",
            [
                "4 field 'items[].n' of the signal of step 'pay': int -> str "
                "(INPUT_FIELD_SAME_TYPE: SOURCE, HANDLER, WIRE, INFLIGHT)"
            ],
        ),
        (
            "ok: bool, note",
            "ok: bool, by: str, note",
            [
                "13 field 'by' of the output of step 'agree' must be there now: it is new "
                "(OUTPUT_FIELD_NO_NEW_REQUIRED: SOURCE, HANDLER, WIRE, INFLIGHT)"
            ],
        ),
        (
            "    signal:\n      payload: {at: date, items: [Item]}\n      wait_for: 24h\n",
            "    output: [Item]\n",
            [
                "6 the signal of step 'pay' is gone (INPUT_FIELD_NO_DELETE: HANDLER)",
                "7 the output of step 'pay': any -> [Item] "
                "(OUTPUT_FIELD_SAME_TYPE: SOURCE, HANDLER, WIRE, INFLIGHT)",
            ],
        ),
        (
            "    approval:\n      payload: {ok: bool, note: str}\n      wait_for: 2d\n",
            "    output: {ok: bool, note: str}\n",
            [
                "10 step 'agree': approval {note: str, ok: bool} for 2d -> unset "
                "(TYPE_SAME: HANDLER, WIRE, INFLIGHT)"
            ],
        ),
    ],
)
def test_what_steps_wait_for(old: str, new: str, found: list[str]) -> None:
    assert old in WAITS
    judged = _judged(WAITS, WAITS.replace(old, new, 1))
    assert [f"{one.span.start.line if one.span else 0} {one.message}" for one in judged] == found


def test_the_lock_and_databases_know_what_steps_wait_for() -> None:
    after = WAITS.replace("at: date, ", "").replace("ok: bool, ", "ok: str, ")
    before, now = (
        state_of_specs(check_sources({"flows/order.yaml": text}, Report()), "worker")
        for text in (WAITS, after)
    )
    full = before.flows["order"]
    lock = State("lock", {"order": type(full)(full.shape, full.payloads)})
    report = Report()
    report.extend(judge(lock, now, Level(), Places({"flows/order.yaml": after})))
    assert [one.message for one in report.sorted()] == [
        "field 'at' of the signal of step 'pay' is gone (INPUT_FIELD_NO_DELETE: SOURCE, HANDLER)",
        "field 'ok' of the output of step 'agree': bool -> str "
        "(OUTPUT_FIELD_SAME_TYPE: SOURCE, HANDLER, WIRE, INFLIGHT)",
    ]


def test_levels() -> None:
    after = (
        BEFORE.replace("timeout: 50", "timeout: 5").replace("total: int, ", "").replace("@daily", "@weekly")
    )

    def rules(level: Level) -> list[str]:
        return [f"{one.code.id} {one.severity}" for one in _judged(BEFORE, after, level)]

    assert rules(Level()) == ["PGF710 error", "PGF714 error", "PGF715 error"]
    assert rules(Level(use=frozenset({"SOURCE"}))) == ["PGF710 error"]
    assert rules(Level(use=frozenset({"SOURCE", "TIMEOUT_NO_SHRINK"}))) == ["PGF710 error", "PGF714 error"]
    assert rules(Level(except_=frozenset({"SCHEDULE_SAME"}))) == ["PGF710 error", "PGF714 error"]
    assert rules(Level(warn=frozenset({"INFLIGHT"}))) == ["PGF710 error", "PGF714 warning", "PGF715 warning"]
    assert rules(Level(ignore=("flows/*.yaml",))) == []


def test_what_the_other_side_does_not_hold_is_not_passed_over() -> None:
    after = BEFORE.replace("total: int", "total: str").replace("note: str", "note: str | null")
    specs = state_of_specs(check_sources({"flows/order.yaml": BEFORE}, Report()), "auto")
    full = specs.flows["order"]
    now = state_of_specs(check_sources({"flows/order.yaml": after}, Report()), "auto")

    def judged(payloads: object) -> list[str]:
        flow = type(full)(full.shape, payloads)  # type: ignore[arg-type]
        before = State("there", {"order": flow})
        report = Report()
        report.extend(judge(before, now, Level(), Places({"flows/order.yaml": after})))
        return [
            f"{one.span.start.line if one.span else 0} {one.severity}: {one.message}"
            for one in report.sorted()
        ]

    assert judged(full.payloads) == [
        "6 warning: the type of the input changed; there does not say in what",
        "10 warning: the type of the output of step 'check' changed; there does not say in what",
    ]
    assert judged(None) == ["0 warning: payload types were not judged: there holds none"]


ENUM_VALUES: st.SearchStrategy[JsonScalar] = st.sampled_from(["a", "b", 1, 2, True])
PAYLOADS: st.SearchStrategy[PayloadType] = st.recursive(
    st.sampled_from(["str", "int", "float", "bool", "date", "any", "null"]).map(Scalar)  # type: ignore[arg-type]
    | st.lists(ENUM_VALUES, min_size=1, max_size=3, unique=True).map(lambda values: Enum(tuple(values))),
    lambda inner: (
        inner.map(Array)
        | inner.map(MapOf)
        | st.lists(inner, min_size=2, max_size=3, unique=True).map(lambda members: OneOf(tuple(members)))
        | st.dictionaries(st.sampled_from("xyz"), st.tuples(inner, st.booleans()), max_size=3).map(
            lambda fields: Object(tuple(Field(name, *rest) for name, rest in fields.items()))
        )
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(one=PAYLOADS, two=PAYLOADS)
def test_any_two_types_compare(one: PayloadType, two: PayloadType) -> None:
    assert list(payload_changes(one, one, {}, {}, ())) == []
    there = list(payload_changes(one, two, {}, {}, ()))
    back = list(payload_changes(two, one, {}, {}, ()))
    # Whatever differs, differs both ways but for optional fields that are new.
    gone = [change for change in there if change.what == "deleted"]
    assert bool(there) == bool(back) or (there == gone) or all(change.what == "deleted" for change in back)


def _run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(build(words), words)
    assert done.exit_code == code, done.output
    return done.output


def _git(directory: Path, *words: str) -> None:
    command = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *words]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose specs are on the branch main."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n', "utf-8")
    (tmp_path / "flows" / "order.yaml").write_text(BEFORE, "utf-8")
    _git(tmp_path, "init", "-q", "-b", "main")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-q", "-m", "one")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(project: Path, *edits: tuple[str, str]) -> None:
    text = BEFORE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (project / "flows" / "order.yaml").write_text(text, "utf-8")


def test_the_command_compares_with_a_branch(project: Path) -> None:
    assert _run("breaking", "--against", "git:main") == "nothing breaks, compared with git:main\n"
    _write(project, ("timeout: 50", "timeout: 5"))
    shown = _run("breaking", code=1)
    assert shown.startswith(
        "flows/order.yaml:11:5: error[PGF714]: step 'check': timeout 50 -> 5 (TIMEOUT_NO_SHRINK"
    )
    found = json.loads(_run("breaking", "--format", "json", code=1).partition("\nnothing")[0])
    assert [one["code"] for one in found["diagnostics"]] == ["PGF714"]
    assert "::error" in _run("breaking", "--format", "github", code=1)
    assert "warning[PGF714]" in _run("breaking", "--warn", "INFLIGHT")
    assert "PGF714" not in _run("breaking", "--use", "SOURCE", "--use", "HANDLER,WIRE")
    assert "PGF714" not in _run("breaking", "--except", "TIMEOUT_NO_SHRINK")


def test_comments_ignore_and_stale_ones_do_not_matter(project: Path) -> None:
    _write(project, ("timeout: 50", "timeout: 5  # pgflowc: ignore[PGF714] it takes 2 s"))
    assert "nothing breaks" in _run("breaking")
    # Neither to those that compile, nor where the commit has it already.
    assert "PGF714" not in _run("validate") + _run("compile")
    _git(project, "commit", "-q", "-a", "-m", "two")
    assert _run("breaking") == "nothing breaks, compared with git:main\n"


def test_the_project_sets_the_level(project: Path) -> None:
    _write(project, ("timeout: 50", "timeout: 5"), ("total: int, ", ""))
    config = 'package = "shop"\n[breaking]\n'
    for table, expected in (
        ('use = ["SOURCE"]', ["PGF710"]),
        ('except = ["TIMEOUT_NO_SHRINK"]', ["PGF710"]),
        ('ignore = ["flows/*"]', []),
    ):
        (project / "pgflowc.toml").write_text(f"{config}{table}\n", "utf-8")
        output = _run("breaking", code=1 if expected else 0)
        assert [id for id in ("PGF710", "PGF714") if f"[{id}]" in output] == expected
    (project / "pgflowc.toml").write_text(f'{config}use = ["SOURCES"]\nwarn = 3\nlevel = "x"\n', "utf-8")
    output = _run("breaking", code=2)
    assert "'breaking.warn' must be a list of texts" in output
    assert "unknown setting 'breaking.level'" in output
    (project / "pgflowc.toml").write_text(f'{config}use = ["SOURCES"]\n', "utf-8")
    output = _run("breaking", code=2)
    assert "there is no rule 'SOURCES'" in output
    assert "did you mean 'SOURCE'?" in output


def test_the_lock_and_a_database(project: Path, core_dsn: str) -> None:
    _run("compile")
    assert "nothing breaks" in _run("breaking", "--against", "lock")
    _write(project, ("timeout: 50", "timeout: 5"), ("total: int", "total: str"))
    output = _run("breaking", "--against", "lock", code=1)
    assert "error[PGF714]" in output
    assert (
        "warning[PGF717]: the type of the output of step 'check' changed; pgflowc.lock does not say" in output
    )
    _compare("against the lock", output)
    with psycopg.connect(core_dsn) as connection:
        connection.execute((project / "migrations" / "0001_create_order.sql").read_bytes())
    output = _run("breaking", "--against", "db", "--dsn", core_dsn, code=1)
    assert "error[PGF714]" in output
    assert "warning[PGF717]: payload types were not judged: database holds none" in output


def test_what_cannot_be_compared_with(project: Path) -> None:
    assert "git knows no commit 'nix' here" in _run("breaking", "--against", "git:nix", code=2)
    assert "is no place" in _run("breaking", "--against", "nix", code=2)
    assert "nothing can break of 'empty'" in _run("breaking", "--against", "empty", code=2)
    _run("breaking", "--nonsense", code=2)
    listed = _run("breaking", "--list")
    assert len(listed.splitlines()) == len(RULES)
    _git(project, "commit", "-q", "-a", "--allow-empty", "-m", "x")
    _write(project, ("[check]", "[chek]"))
    assert "error[PGF201]" in _run("breaking", code=1)
