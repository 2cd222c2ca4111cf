"""Definitions from data are judged as specs are: by the same rules, with the same codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgflowc.check import check_sources
from pgflowc.diagnostics import Report
from pgflowc.diagnostics.model import Severity
from pgflowc_runtime import Client, Fault, InvalidDefinition
from pgflowc_runtime.definition import parse_definition

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
]


def codes_of_the_compiler(definition: Any) -> set[str]:
    """Of the errors that the compiler finds in the same text."""
    report = Report()
    check_sources({"flow.yaml": json.dumps(definition)}, report)
    return {found.code.id for found in report.sorted() if found.code.severity is Severity.ERROR}


def faults(definition: Any) -> tuple[Fault, ...]:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(definition)
    assert "\n" not in str(caught.value)
    for fault in caught.value.diagnostics:
        assert str(fault) in str(caught.value)
    return caught.value.diagnostics


@pytest.mark.parametrize("definition", BAD, ids=lambda one: json.dumps(one)[:60])
def test_the_codes_are_the_compilers(definition: dict[str, Any]) -> None:
    found = {fault.code for fault in faults(definition)}
    assert found
    assert found == codes_of_the_compiler(definition)


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
    assert codes_of_the_compiler(definition) == set()
    assert parse_definition(definition).slug == "f"


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


@pytest.mark.parametrize("definition", [[], None, {"flow": "f", "steps": {"a": {"if": {"x": object()}}}}])
def test_data_that_no_text_could_hold_define_nothing_either(definition: Any) -> None:
    # No database is asked.
    with pytest.raises(InvalidDefinition) as caught:
        Client("host=/nonexistent").upsert_flow(definition)
    assert [fault.code for fault in caught.value.diagnostics] in (["PGF101"], ["PGF104"])


async def test_a_flow_is_defined_from_slug_options_and_steps(bench) -> None:
    steps = [{"slug": "fetch", "timeout": "1m"}, {"slug": "store", "depends_on": ["fetch"]}]
    assert (await bench.client.upsert_flow("sync", {"max_attempts": 3}, steps)).status == "compiled"
    same = {
        "flow": "sync",
        "max_attempts": 3,
        "steps": {"fetch": {"timeout": 60}, "store": {"depends_on": ["fetch"]}},
    }
    assert (await bench.client.upsert_flow(same)).status == "unchanged"
    with pytest.raises(InvalidDefinition, match="PGF106"):
        await bench.client.upsert_flow("sync", {}, [{"depends_on": []}])
    for options, given, code in (
        ({}, [{"slug": "a"}, {"slug": "a", "timeout": 5}], "PGF003"),
        ({"flow": "other"}, {"a": {}}, "PGF103"),
        ({"steps": {"b": {}}}, {"a": {}}, "PGF103"),
        ({}, "abc", "PGF104"),
        ({}, [1], "PGF104"),
        ({}, [{"slug": []}], "PGF106"),
    ):
        with pytest.raises(InvalidDefinition, match=code):
            await bench.client.upsert_flow("sync", options, given)
