"""What a correct spec means: the flows that every later stage gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report, Span
from pgflowc.graph import Condition, Flow, FlowOptions, StepOptions
from pgflowc_language.payload_types import (
    Array,
    Enum,
    Field,
    MapOf,
    Named,
    Object,
    OneOf,
    PayloadType,
    Scalar,
    spelled,
)

STR, INT, NULL = Scalar("str"), Scalar("int"), Scalar("null")

YAML = """\
flow: process_order
description: Validate, charge and confirm.
max_attempts: 3
timeout: 5m
types:
  Item: {sku: str, quantity: int}
input: {items: [Item], note: str | null, channel: {$enum: [web, phone]}, more: map of Item}
steps:
  confirm:
    depends_on: [charge, reserve]
    start_delay: 1h
    handler: shop.mail:confirm
  reserve:
    map: validate
    output: {sku: str}
  charge:
    depends_on: [validate]
    if: {validate: [{sku: a}]}
    when_unmet: skip-cascade
    when_exhausted: skip
  validate:
    output: [Item]
"""

TOML = """\
flow = "process_order"
description = "Validate, charge and confirm."
max_attempts = 3
timeout = "5m"

[types]
Item = {sku = "str", quantity = "int"}

[input]
items = ["Item"]
note = "str | null"
channel = {"$enum" = ["web", "phone"]}
more = "map of Item"

[steps.confirm]
depends_on = ["charge", "reserve"]
start_delay = "1h"
handler = "shop.mail:confirm"

[steps.reserve]
map = "validate"
output.sku = "str"

[steps.charge]
depends_on = ["validate"]
if = {validate = [{sku = "a"}]}
when_unmet = "skip-cascade"
when_exhausted = "skip"

[steps.validate]
output = ["Item"]
"""


def _flow(text: str, path: str = "flow.yaml") -> Flow:
    report = Report()
    flows = check_sources({path: text}, report)
    assert report.sorted() == ()
    (flow,) = flows
    return flow


def test_a_flow_keeps_what_was_written_and_fills_in_the_defaults() -> None:
    flow = _flow(YAML)
    assert flow.slug == "process_order"
    assert flow.kind == "flow"
    assert flow.options == FlowOptions(max_attempts=3, base_delay=1, timeout=300)
    charge = flow.step("charge")
    assert charge.condition == Condition('{"validate":[{"sku":"a"}]}', None, "skip-cascade", "skip")
    assert charge.may_be_skipped
    assert not flow.step("reserve").may_be_skipped
    assert flow.step("confirm").options == StepOptions(start_delay=3600)
    assert flow.step("confirm").handler == "shop.mail:confirm"
    assert flow.step("reserve").kind == "map"
    assert flow.step("reserve").depends_on == ("validate",)


def test_steps_come_after_what_they_depend_on_and_else_as_written() -> None:
    assert [step.slug for step in _flow(YAML).steps] == ["validate", "reserve", "charge", "confirm"]


def test_toml_and_yaml_say_the_same() -> None:
    nowhere = _flow(YAML).span

    def without_places(flow: Flow) -> Flow:
        steps = tuple(replace(step, span=nowhere, handler_span=None, was_span=None) for step in flow.steps)
        return replace(flow, source="", span=nowhere, steps=steps)

    assert without_places(_flow(TOML, "flow.toml")) == without_places(_flow(YAML))


@pytest.mark.parametrize(("text", "path"), [(YAML, "flow.yaml"), (TOML, "flow.toml")])
def test_the_span_of_a_step_is_its_slug(text: str, path: str) -> None:
    lines = text.splitlines()

    def at(span: Span) -> str:
        assert span.start.line == span.end.line
        return lines[span.start.line - 1][span.start.column - 1 : span.end.column - 1]

    flow = _flow(text, path)
    assert at(flow.span).strip('"') == flow.slug
    assert [at(step.span) for step in flow.steps] == [step.slug for step in flow.steps]


def test_a_job_is_one_step_named_like_the_job_unless_it_says_otherwise() -> None:
    job = _flow("job: send_email\ninput: {to: str}\nperform:\n")
    assert job.kind == "job"
    assert [step.slug for step in job.steps] == ["send_email"]
    named = _flow("job: send_email\nperform: {step: send, timeout: 10}\n")
    assert [(step.slug, step.options.timeout) for step in named.steps] == [("send", 10)]


def test_flows_of_all_files_and_documents_come_sorted_by_slug() -> None:
    report = Report()
    sources = {
        "b.yaml": "flow: c\nsteps: {a: }\n---\n# nothing\n---\nflow: a\nsteps: {a: }\n",
        "a.toml": 'flow = "b"\n[steps.a]\n',
    }
    flows = check_sources(sources, report)
    assert report.sorted() == ()
    assert [(flow.slug, flow.source) for flow in flows] == [("a", "b.yaml"), ("b", "a.toml"), ("c", "b.yaml")]


def test_a_faulty_flow_does_not_hold_up_the_others() -> None:
    report = Report()
    flows = check_sources(
        {"a.yaml": "flow: a\nsteps: {a: {depends_on: [b]}}", "b.yaml": "flow: b\nsteps: {a: }"}, report
    )
    assert [flow.slug for flow in flows] == ["b"]
    assert [found.code.id for found in report.sorted()] == ["PGF201"]


def test_plain_words_are_read_by_yaml_1_2() -> None:
    flow = _flow(
        "flow: f\ninput: {$enum: [yes, on, no, 0o17, 0x1F, 012, 1_000, 12:30, ~, True, +1]}\nsteps: {a: }"
    )
    assert flow.input == Enum(("yes", "on", "no", 15, 31, 12, "1_000", "12:30", None, True, 1))


def test_a_handler_reference_needs_no_quotes_within_brackets() -> None:
    flow = _flow("flow: f\nsteps: {a: {handler: shop.mail:confirm}, b: {depends_on: [a]}}")
    assert [step.handler for step in flow.steps] == ["shop.mail:confirm", None]


def test_bytes_before_and_between_do_not_move_positions() -> None:
    report = Report()
    text = "\ufeff%YAML 1.2\r\n---\r\n# ü\r\nflow: f\r\nsteps:\r\n  ä: 1\r\n"
    check_sources({"flow.yaml": text}, report)
    assert {(found.span.start.line, found.span.start.column) for found in report.sorted() if found.span} == {
        (6, 3),
        (6, 6),
    }


ITEM = Named("Item")


@pytest.mark.parametrize(
    ("notation", "expected"),
    [
        ("str", STR),
        ("null", NULL),
        ("~", NULL),
        ("Item", ITEM),
        ("[int]", Array(INT)),
        ("[[int]]", Array(Array(INT))),
        ("'[int]'", Array(INT)),
        ("map of int", MapOf(INT)),
        ("map of map of Item", MapOf(MapOf(ITEM))),
        ("'map of [Item]'", MapOf(Array(ITEM))),
        ("map of int | null", OneOf((MapOf(INT), NULL))),
        ("str | int", OneOf((STR, INT))),
        ("'[str|int] | null'", OneOf((Array(OneOf((STR, INT))), NULL))),
        ("{}", Object(())),
        ("{a: str}", Object((Field("a", STR),))),
        ("{a: str | null}", Object((Field("a", STR, optional=True),))),
        ("{a: str | int | null}", Object((Field("a", OneOf((STR, INT)), optional=True),))),
        ("{a: null}", Object((Field("a", NULL),))),
        ("{class: int, 'odd key': int}", Object((Field("class", INT), Field("odd key", INT)))),
        ("{map: int, of: int}", Object((Field("map", INT), Field("of", INT)))),
        ("{$enum: [a, 1, true, null]}", Enum(("a", 1, True, None))),
    ],
)
def test_the_notation_of_payload_types(notation: str, expected: PayloadType) -> None:
    flow = _flow(f"flow: f\ntypes: {{Item: {{a: int}}}}\ninput: {notation}\nsteps: {{a: {{output: Item}}}}")
    assert flow.input == expected


def test_types_are_spelled_in_messages_as_they_are_written() -> None:
    written = "[str | int | Item | map of [Item]]"
    flow = _flow(f"flow: f\ntypes: {{Item: {{a: int}}}}\ninput: '{written}'\nsteps: {{a: }}")
    assert flow.input is not None
    assert spelled(flow.input) == written


@pytest.mark.parametrize(
    ("written", "seconds"), [("0", 0), ("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400)]
)
def test_durations(written: str, seconds: int) -> None:
    flow = _flow(f"flow: f\ntimeout: 1d\nsteps: {{a: {{start_delay: {written}}}}}")
    assert flow.options.timeout == 86400
    assert flow.steps[0].options.start_delay == seconds


def test_patterns_that_say_the_same_are_the_same_text() -> None:
    one = _flow("flow: f\nsteps: {a: {if: {b: 1, a: [x, {d: ü, c: null}]}}}")
    other = _flow('flow: f\nsteps: {a: {if: {"a": ["x", {c: ~, d: "\\u00fc"}], b: 1}}}')
    assert one.steps[0].condition.required == '{"a":["x",{"c":null,"d":"ü"}],"b":1}'
    assert one.steps[0].condition == other.steps[0].condition


def test_a_recursive_type_with_an_end_is_fine() -> None:
    flow = _flow(
        "flow: f\ntypes: {Tree: {value: int, below: [Tree], above: Tree | null}}\ninput: Tree\nsteps: {a: }"
    )
    assert flow.input == Named("Tree")
