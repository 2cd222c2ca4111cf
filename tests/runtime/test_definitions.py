"""Definitions from data are judged as specs are: by the same rules, with the same codes.

Above 400 lines: a third is the table of bad definitions.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgflowc.check import check_sources
from pgflowc.diagnostics import Report
from pgflowc.diagnostics.model import Severity
from pgflowc.plan.shape import shape_of
from pgflowc_language.schedules import broken_schedule
from pgflowc_runtime import AsyncClient, Client, Fault, FlowMismatch, InvalidDefinition
from pgflowc_runtime.definitions import parse_definition
from pgflowc_runtime.rows import SignalDeclaration

A: dict[str, Any] = {"a": {}}
BAD: list[dict[str, Any]] = [
    {},
    {"flow": "f"},
    {"flow": "f", "job": "f", "steps": A},
    {"job": "f", "steps": A},
    {"flow": "f", "perform": {}},
    {"flow": "f", "perform": {}, "steps": A},
    {"job": "f"},
    {"flow": "f", "steps": {}},
    {"flow": "1f", "steps": A},
    {"flow": "run", "steps": A},
    {"flow": "f", "steps": {"a b": {}}},
    {"flow": "f" * 48, "steps": A},
    {"steps": A, "perform": {}},
    {"flow": "f", "steps": {"a": {"depend_on": []}}},
    {"flow": "f", "steps": {"a": {"step": "b"}}},
    {"flow": "f", "time_out": 3, "steps": A},
    {"flow": "f", "timeout": 0, "max_attempts": -1, "steps": A},
    {"flow": "f", "timeout": 2**31, "steps": A},
    {"flow": "f", "steps": {"a": {"timeout": "9"}, "b": {"base_delay": "1h30m"}}},
    {"flow": "f", "steps": {"a": {"start_delay": [1]}}},
    {"flow": "f", "timeout": 1.5, "steps": A},
    {"flow": "f", "timeout": True, "steps": A},
    {"flow": "f", "max_attempts": "3", "steps": A},
    {"flow": "f", "max_attempts": 3.5, "steps": A},
    {"flow": "f", "steps": {"a": {"depends_on": ["x"]}, "b": {"map": "y"}}},
    {"flow": "f", "steps": {"a": {"depends_on": ["b"]}, "b": {"map": "a"}, "c": {}}},
    {
        "flow": "f",
        "steps": {"a": {"depends_on": ["b"]}, "b": {"depends_on": ["a"]}, "c": {"depends_on": ["b"]}},
    },
    {"flow": "f", "steps": {"a": {"depends_on": ["a"]}}},
    {"flow": "f", "steps": {"a": {"map": "a"}}},
    {"flow": "f", "steps": {"a": {}, "b": {"map": "a", "depends_on": ["a"]}}},
    {"flow": "f", "steps": {"a": {"if": {"x": 1}, "when_unmet": "never"}}},
    {"flow": "f", "steps": {"a": {"when_exhausted": "ignore"}}},
    {"flow": "f", "steps": {"a": {"if": [1]}}},
    {"flow": "f", "steps": {"a": {"depends_on": "b"}, "b": {}}},
    {"flow": "f", "steps": [{"slug": "a"}]},
    {"flow": 3, "steps": A},
    {"flow": "f", "steps": {"a": []}},
    {"flow": "f", "steps": {"a": {}, "b": {"map": "a.items"}}},
    {"flow": "f", "steps": {"a": {}, "b": {"map": ["a"]}}},
    {"flow": "f", "steps": {"a": {"map": "$input", "if": {"x": 1}}}},
    {"flow": "f", "steps": {"a": {}, "c": {}, "b": {"depends_on": ["a"], "if": {"c": 1}}}},
    {"flow": "f", "max_attempts": 40, "base_delay": 5, "steps": A},
    {"flow": "f", "steps": {"a": {"max_attempts": 33, "base_delay": 1}}},
    {"job": "f", "perform": {"depends_on": ["a"]}},
    {"job": "f", "perform": {"step": "2"}},
    {"job": "f", "perform": {"start_delay": -1}},
    {"job": "f", "perform": []},
    {"flow": "f", "steps": A, "cron": "@reboot", "retention": {}},
    {"flow": "f", "steps": A, "cron": "0 9 * * * *", "retention": "soon"},
    {"flow": "f", "steps": A, "cron": "61 9 * * *", "retention": 0},
    {"flow": "f", "steps": A, "cron": "0 0 30 feb *", "retention": True},
    {"flow": "f", "steps": A, "cron": 5, "retention": {"completed": 0, "kept": 5}},
    {"flow": "f", "steps": A, "cron": {"input": {}, "tz": "UTC"}, "retention": [7]},
    {"flow": "f", "steps": A, "cron": {"schedule": "@dayly", "timezone": "Europe/Berlyn"}},
    {"flow": "f", "steps": A, "cron": {"schedule": "@daily", "catch_up": "some", "overlap": True}},
    {"flow": "f", "steps": {"a": {"cron": "@daily", "retention": 5, "types": {}, "extra_fields": "ignore"}}},
    {"flow": "f", "steps": A, "signal": {}, "approval": {}, "wait_for": 5, "payload": "str"},
    {"flow": "f", "steps": A, "extra_fields": {"in": "allow"}},
    {"flow": "f", "steps": A, "extra_fields": 5},
    {"flow": "f", "steps": {"a": {"approval": {"wait_for": 0, "on_timeout": "retry"}}}},
    {"flow": "f", "steps": {"a": {"approval": {"timeout": 5, "approved": "bool"}, "wait_for": 5}}},
    {"flow": "f", "steps": {"a": {"approval": "2d"}, "b": {"signal": [1]}}},
    {"flow": "f", "steps": {"a": {"signal": {"on_timeout": "skip", "wait_for": "2 days"}}}},
    {"flow": "f", "steps": {"a": {"approval": {}, "signal": {}, "timeout": 5, "max_attempts": 2}}},
    {"flow": "f", "steps": {"a": {}, "b": {"approval": {}, "map": "a", "when_exhausted": "skip"}}},
    {"job": "f", "perform": {"approval": {}, "signal": {"wait_for": -1}, "on_timeout": "fail"}},
    {"flow": "f", "steps": {"a": {"signal": {"payload": "strr"}}, "b": {"approval": {"payload": "dict"}}}},
    {
        "flow": "f",
        "steps": {"a": {"signal": {"payload": "map of"}}, "b": {"signal": {"payload": "str or int"}}},
    },
    {"flow": "f", "steps": {"a": {"signal": {"payload": ""}}, "b": {"signal": {"payload": "[int"}}}},
    {"flow": "f", "steps": {"a": {"signal": {"payload": []}}, "b": {"signal": {"payload": ["int", "str"]}}}},
    {"flow": "f", "steps": {"a": {"signal": {"payload": {"$enum": []}}}, "b": {"signal": {"payload": 5}}}},
    {"flow": "f", "steps": {"a": {"signal": {"payload": {"$enum": ["x", "x"]}}}}},
    {"flow": "f", "steps": {"a": {"signal": {"payload": {"$enum": [1.5]}}}}},
    {"flow": "f", "steps": {"a": {"signal": {"payload": {"$emum": ["x"]}}}}},
    {"flow": "f", "steps": {"a": {"signal": {"payload": {"$enum": ["x"], "y": "int"}}}}},
    {"flow": "f", "steps": {"a": {"signal": {"payload": "int | str | int"}}}},
    {"flow": "f", "types": {"str": "int", "1x": "int", "T": "U", "U": "T"}, "steps": A},
    {"flow": "f", "types": {"Egg": {"of": "Hen"}, "Hen": {"of": "Egg"}}, "steps": A},
    {"flow": "f", "types": {"Tree": {"children": ["Tree"], "x": "Leaf"}}, "steps": A},
    {"flow": "f", "types": {"Z": {"c": "C"}, "A": "A | C", "C": "A | Z"}, "steps": A},
    {"flow": "f", "types": [1], "steps": A},
    {
        "flow": "f",
        "types": {"D": {"ok": "bool", "by": "str | null", "n": {"$enum": ["a", 1]}}},
        "steps": {
            "ask": {"approval": {"payload": "D"}},
            "a": {"depends_on": ["ask"], "if": {"ask": {"okk": True, "by": 5, "n": "b"}}},
            "b": {"depends_on": ["ask"], "if_not": {"ask": [1]}},
            "c": {"map": "ask"},
        },
    },
    {
        "flow": "f",
        "steps": {
            "ask": {"approval": {"payload": ["int | str"]}},
            "a": {"depends_on": ["ask"], "if": {"ask": [True]}},
            "b": {"map": "ask"},
            "sum": {"approval": {"payload": "map of int"}},
            "c": {"map": "sum"},
            "d": {"depends_on": ["sum"], "if": {"sum": {"x": "y"}}},
        },
    },
    {"flow": "f", "steps": {"a": {"if": {"x": 1, "y": 2}, "if_not": {"x": 1}}, "b": {"if_not": {}}}},
    {"job": "f", "perform": {"if": {"x": [1]}, "if_not": {"x": []}}},
    {"flow": "f", "steps": {"a": {"deps": [], "retries": 3, "delay": 5, "step_type": "single"}}},
    {"flow": "", "steps": {"a": {}, "run": {}, "é": {}}},
    {
        "flow": "f",
        "steps": {"a": {"depends_on": ["a", "x", "x"]}, "b": {"map": "b"}, "c": {"map": "$inputt"}},
    },
    {
        "flow": "f",
        "steps": {"a": {"depends_on": [5]}, "b": {"map": ["a", "c"]}, "c": {"if": {}, "map": "a.b"}},
    },
]


def of_the_compiler(definition: Any) -> set[tuple[str, str]]:
    """Codes and messages of the errors that the compiler finds in the same text."""
    report = Report()
    check_sources({"flow.yaml": json.dumps(definition)}, report)
    return {
        (found.code.id, found.message) for found in report.sorted() if found.code.severity is Severity.ERROR
    }


def faults(definition: Any) -> tuple[Fault, ...]:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(definition)
    assert "\n" not in str(caught.value)
    for fault in caught.value.diagnostics:
        assert str(fault) in str(caught.value)
    return caught.value.diagnostics


@pytest.mark.parametrize("definition", BAD, ids=lambda one: json.dumps(one)[:60])
def test_the_diagnostics_are_the_compilers(definition: dict[str, Any]) -> None:
    found = {(fault.code, fault.message) for fault in faults(definition)}
    assert found
    assert found == of_the_compiler(definition)


@pytest.mark.parametrize(
    "definition",
    [
        {"flow": "f", "steps": A},
        {"job": "f", "perform": {}},
        {"flow": "f", "timeout": "5m", "base_delay": 0, "steps": {"a": {"start_delay": "90s"}}},
        {"flow": "f", "steps": {"a": {}, "b": {"depends_on": ["a", "a"]}, "c": {"map": "b"}}},
        {"flow": "f", "steps": {"a": {"if": {"x": [1, None]}}, "b": {"map": "$input"}}},
    ],
    ids=lambda one: json.dumps(one)[:60],
)
def test_what_is_right_is_right_for_both(definition: dict[str, Any]) -> None:
    assert of_the_compiler(definition) == set()
    assert parse_definition(definition).slug == "f"


@pytest.mark.parametrize("extra", [{}, {"extra_fields": "forbid"}, {"extra_fields": {"in": "forbid"}}])
def test_signals_are_stored_as_the_compiler_stores_them(extra: dict[str, Any]) -> None:
    types = [
        "any",
        "null",
        "str | null",
        "[int]",
        "map of Tree",
        "date | uuid | null",
        "decimal",
        "Size | null",
    ]
    payloads: list[Any] = [*types, {"x": "int", "y": "str | null", "z": ["Tree"]}, [{"a": "bytes"}], None]
    steps: dict[str, Any] = {f"s{n}": {"signal": {"payload": one}} for n, one in enumerate(payloads)}
    steps |= {"ask": {"approval": {"payload": "Tree", "wait_for": "2d"}}, "bare": {"approval": None}}
    definition = {
        "flow": "f",
        "types": {"Tree": {"name": "str", "of": ["Tree"]}, "Size": {"$enum": ["S", "M", None]}},
        "steps": steps,
        **extra,
    }
    report = Report()
    [flow] = check_sources({"flow.yaml": json.dumps(definition)}, report)
    assert not report.has_errors
    compiled = {
        step.slug: SignalDeclaration(
            step_slug=step.slug,
            payload_schema=json.loads(step.signal.payload),
            wait_for=step.signal.wait_for,
            is_approval=step.signal.approval,
        )
        for step in shape_of(flow).steps
        if step.signal
    }
    assert {one.step_slug: one for one in parse_definition(definition).signals} == compiled


@pytest.mark.parametrize(
    ("schedule", "cure"),
    [
        ("CRON_TZ=Europe/Berlin 0 9 * * *", "timezone: Europe/Berlin"),
        ("30 seconds", "a minute is the shortest time"),
        ("0 9 ? * mon", "write '*'"),
        ("0 9 $ * *", "write 'L'"),
        ("0 9 * sept Monday-friday", "write 'sep'"),
        ("0 9 * * Monday-friday", "write 'mon-fri'"),
        ("0 9 * * today", "the day of the week is 0 to 7"),
    ],
)
def test_what_other_crons_write_is_understood_and_said_in_ours(schedule: str, cure: str) -> None:
    broken = broken_schedule(schedule)
    assert broken is not None
    assert cure in broken[1]


@pytest.mark.parametrize(
    ("change", "help"),
    [
        ({"timeout": "5 minutes"}, "give '5m'"),
        ({"timeout": "45 sec"}, "give 45"),
        (
            {"timeout": "soon"},
            "durations are whole seconds, or a whole number with one unit: 90s, 5m, 2h, 1d",
        ),
        ({"flow": "Käse-Sync"}, "write 'Kase_Sync'"),
        ({"flow": "run"}, "choose another word: 'run' stands for the run's own input in the core"),
        ({"flow": "f" * 129}, "choose a shorter one"),
        ({"cron": {"schedule": "hourly"}}, "did you mean '@hourly'?"),
        ({"cron": {"schedule": "@daily", "timezone": "berlin"}}, "did you mean 'Europe/Berlin'?"),
    ],
)
def test_values_that_can_be_understood_are_offered_as_they_are_written(
    change: dict[str, Any], help: str
) -> None:
    (fault,) = faults({"flow": "f", "steps": A, **change})
    assert fault.help == help


def test_every_fault_is_told_with_its_place_and_the_way_out() -> None:
    found = faults(
        {
            "flow": "1f",
            "timeout": 0,
            "steps": {"fetch": {"tiemout": 3}, "store": {"depends_on": ["fetsch"], "handler": "a:b"}},
        }
    )
    assert {(fault.code, fault.path) for fault in found} == {
        ("PGF106", ("flow",)),
        ("PGF501", ("timeout",)),
        ("PGF103", ("steps", "fetch", "tiemout")),
        ("PGF103", ("steps", "store", "handler")),
        ("PGF201", ("steps", "store", "depends_on", 0)),
    }
    assert {fault.help for fault in found} >= {"did you mean 'timeout'?", "did you mean 'fetch'?"}


ENDLESS: dict[str, Any] = {"flow": "f", "steps": {"a": {"if": {}}}}
ENDLESS["steps"]["a"]["if"]["again"] = ENDLESS


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ([], r"definition: a definition is a mapping .*\[PGF101\]"),
        (None, r"\[PGF101\]"),
        (ENDLESS, r"definition: it is nested too deeply, or contains itself \[PGF104\]"),
        ({"flow": "f", "steps": {1: {}}}, r"steps: a key must be a text, not 1 \[PGF104\]"),
        ({"flow": "f", "steps": {"a": {"if": {"x": object()}}}}, r"steps.a.if: 'if' is not JSON.*\[PGF104\]"),
        (
            {"flow": "f", "types": {"T": {"$ref": "t.json"}}, "steps": {"a": {"isolation": "process"}}},
            r"isolation: 'isolation' has no place .*\[PGF103\]; types.T.\$ref: .*\[PGF312\]",
        ),
        ({"flow": "f", "steps": {f"s{n}": {"map": "x"} for n in range(2000)}}, "; and 1980 more$"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_data_that_no_text_could_hold_define_nothing_either(definition: Any, text: str) -> None:
    # No database is asked.
    with pytest.raises(InvalidDefinition, match=text):
        Client("host=/nonexistent").upsert_flow(definition)


async def test_a_flow_is_defined_from_slug_options_and_steps(bench) -> None:
    steps = [{"slug": "fetch", "timeout": "1m"}, {"slug": "store", "depends_on": ["fetch"]}]
    assert (await bench.client.upsert_flow("sync", {"max_attempts": 3}, steps)).status == "compiled"
    same = {
        "flow": "sync",
        "max_attempts": 3,
        "steps": {"fetch": {"timeout": 60}, "store": {"depends_on": ["fetch"]}},
    }
    assert (await bench.client.upsert_flow(same)).status == "unchanged"
    for options, given, code in (
        (
            {"timeout": 0},
            [{"slug": "a", "retries": 1}, {"slug": "a"}],
            r"PGF003.*timeout.*PGF501.*retries.*PGF103",
        ),
        ({"flow": "other"}, {"a": {}}, "PGF103"),
        ({"steps": {"b": {}}}, {"a": {}}, "PGF103"),
        ({}, "abc", r"steps: 'steps': expected a mapping, got the text 'abc' \[PGF104\]"),
        ({}, [1], r"steps\[0\]: item 1 of 'steps': expected a mapping, got 1 \[PGF104\]"),
        ({}, [{"slug": []}], r"steps\[0\].slug: 'slug': expected a text, got a list \[PGF104\]"),
        ({}, [{"depends_on": []}], r"steps\[0\]: a step in a list has a 'slug' \[PGF105\]"),
    ):
        with pytest.raises(InvalidDefinition, match=code):
            await bench.client.upsert_flow("sync", options, given)


WHOLE: dict[str, Any] = {
    "flow": "refund",
    "cron": {"schedule": "0 9 * * mon-fri", "timezone": "Europe/Berlin", "input": {"kind": "daily"}},
    "retention": {"completed": "7d", "failed": "30d"},
    "types": {"Decision": {"approved": "bool", "by": "str"}},
    "steps": {
        "price": {},
        "approve": {
            "depends_on": ["price"],
            "if": {"price": {"high": True}},
            "approval": {"payload": "Decision", "wait_for": "2d", "on_timeout": "skip"},
        },
        "pay": {
            "depends_on": ["price", "approve"],
            "max_attempts": 3,
            "signal": {"payload": {"number": "str"}, "wait_for": "1d"},
        },
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """WHOLE with another value at `steps.approve.approval.wait_for`; without it, if that is Ellipsis."""
    whole = json.loads(json.dumps(WHOLE))
    *way, last = path.split(".")
    inner = whole
    for key in way:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return whole


async def test_all_that_a_step_may_say_is_stored_and_changed_in_place(bench) -> None:
    client = bench.client
    assert (await client.upsert_flow(WHOLE)).status == "compiled"
    # A run that waits outlives all of it.
    run_id = await client.start_flow("refund", {})
    [schedule] = await client.list_schedules()
    assert (schedule.schedule, schedule.timezone, schedule.input) == (
        "0 9 * * mon-fri",
        "Europe/Berlin",
        {"kind": "daily"},
    )
    assert bench.rows("select completed = '7 days', failed = '30 days' from pgflowc.retention") == [
        (True, True)
    ]
    approve = "select is_approval, wait_for from pgflowc.awaited_signals where step_slug = 'approve'"
    assert bench.rows(approve) == [(True, 172800)]
    assert (await client.get_flow("refund")).step("approve").when_exhausted == "skip"
    # The same, written otherwise: steps in another order, durations in seconds.
    same = {
        **WHOLE,
        "steps": dict(reversed(WHOLE["steps"].items())),
        "retention": {"failed": 2592000, "completed": "168h"},
    }
    assert (await client.upsert_flow(same)).status == "unchanged"

    for path, value, difference in (
        ("cron.timezone", ..., "the schedule"),
        ("cron", "@hourly", "the schedule"),
        ("cron", ..., "the schedule"),
        ("cron.overlap", "skip", "the schedule"),
        ("retention.failed", ..., "the retention"),
        ("retention", ..., "the retention"),
        ("steps.approve.approval.wait_for", 60, "approval of step 'approve'"),
        ("types.Decision.why", "str | null", "approval of step 'approve'"),
        ("extra_fields", "forbid", "approval of step 'approve'"),
        ("steps.pay.signal", ..., "signal of step 'pay'"),
        ("steps.pay.signal.payload", ..., "signal of step 'pay'"),
        ("steps.price.signal", {}, "signal of step 'price'"),
        ("steps.pay.max_attempts", 4, "options of step 'pay'"),
    ):
        upserted = await client.upsert_flow(changed(path, value))
        assert upserted.status == "updated", path
        assert difference in upserted.differences, path
        assert (await client.upsert_flow(changed(path, value))).status == "unchanged", path
        assert (await client.upsert_flow(WHOLE)).status == "updated", path
    assert (await client.get_run(run_id)).status == "started"

    # With another handler, or none, runs that are alive would be others.
    for path, value in (
        ("steps.approve.approval", ...),
        ("steps.price.approval", {}),
        ("steps.approve.approval.on_timeout", "fail"),
    ):
        with pytest.raises(FlowMismatch, match=r"approval there|whenExhausted differs"):
            await client.upsert_flow(changed(path, value))
        assert (await client.upsert_flow(WHOLE)).status == "unchanged", path
    other = await client.upsert_flow(changed("steps.approve.approval", ...), allow_data_loss=True)
    assert (other.status, other.differences[0]) == (
        "recompiled",
        "Step at index 1: whenExhausted differs 'fail' vs 'skip'",
    )
    assert other.differences[1] == "step 'approve' is an approval there"
    assert bench.rows(approve) == []


async def test_what_is_left_when_a_flow_is_deleted(bench) -> None:
    def everything() -> list[Any]:
        catalogue = bench.rows("""
            select c.oid::regclass::text, c.relkind::text, array(
                     select t.tgname::text from pg_trigger t where t.tgrelid = c.oid order by 1)
            from pg_class c
            where c.relnamespace in ('pgflow'::regnamespace, 'pgflowc'::regnamespace, 'pgmq'::regnamespace)
            order by 1
        """)
        # Workers come and go by themselves.
        tables = [name for name, kind, _ in catalogue if kind == "r" and "worker" not in name]
        counts = " union all ".join(f"select '{name}', count(*) from {name}" for name in tables)
        return [*catalogue, *bench.rows(f"select * from ({counts}) c order by 1")]

    client = bench.client
    before = everything()
    for slug in ("refund", "refund_v2"):
        await client.upsert_flow({**WHOLE, "flow": slug})
    bench.rows("select pgflowc.add_version('refund', 2, 'refund_v2')")
    runs = [await client.start_flow(slug, {}) for slug in ("refund", "refund_v2")]
    async with AsyncClient(bench.dsn) as tracing:
        bench.rows("insert into pgflowc.run_traces (run_id, carrier) values (%s, '{}')", runs[0])
        await tracing.signal(runs[1], "approve", {"approved": True, "by": "Ada"})
        await tracing.trigger_schedule("refund")
        await tracing.pause_queue("refund")
    bench.rows("select pgflowc.set_retention('refund_v2', '1 day', null)")
    bench.rows("select pgflowc.enable_wakeup('refund')")
    await client.delete_flow("refund")
    assert everything() == before
