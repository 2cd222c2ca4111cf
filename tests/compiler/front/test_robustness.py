"""Whatever the text: the front end answers with flows or with findings that have a place, and never fails."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report
from pgflowc.diagnostics.text import render
from pgflowc.graph import Flow

PIECES = (
    *"[]{}:,-?&*!|>'\"%@`#\t\n \r\\~=.$",
    "---\n", "...\n", "<<: *x", "!!str ", "\u2028", "\x00", "\ufeff", "é", "null", "map of ", "$enum", "- ",
    ": ", "'''", '"""',
    "[[a]]\n", "steps:", "depends_on: [a]", "1e999", "\n  ", "\\ud800", "if: {a: 1}", "9" * 30,
)  # fmt: skip


def _check(path: str, text: str) -> tuple[tuple[Flow, ...], str]:
    """Run the front end and the renderer; every finding must lie within the text."""
    report = Report()
    flows = check_sources({path: text}, report)
    lines = text.count("\n") + text.count("\r") + 1
    for found in report.sorted():
        assert found.span is not None
        for span in (found.span, *(label.span for label in found.labels)):
            assert span.path == path
            assert 1 <= span.start.line <= lines
            assert span.start <= span.end
            assert span.start.column >= 1
    assert flows or report.sorted()
    shown = render(report.sorted(), {path: text}, color=True, width=80)
    assert "\x00" not in shown
    assert "\r" not in shown
    return flows, shown


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(["flow.yaml", "flow.toml"]), st.text() | st.lists(st.sampled_from(PIECES)).map("".join)
)
def test_random_text(path: str, text: str) -> None:
    _check(path, text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(["flow.yaml", "flow.toml"]), st.binary(max_size=200))
def test_random_bytes(path: str, content: bytes) -> None:
    _check(path, content.decode("latin-1"))
    _check(path, content.decode("utf-8", "surrogateescape"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a", "b", "str", "$input", "5m", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "$enum", "if", "depends_on", "map", "output"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
KEYS = ("depends_on", "map", "output", "if", "if_not", "timeout", "when_unmet", "handler", "cron", "x")
BODY = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("depends_on", "map", "output", "if", "if_not", "timeout", "when_unmet", "handler", "cron", "x"), JSON
    ),
)
SPEC = st.fixed_dictionaries(
    {
        "flow": st.sampled_from(["a", "b"]) | JSON,
        "steps": st.dictionaries(st.sampled_from("abc"), BODY) | JSON,
    },
    optional={
        "types": st.dictionaries(st.sampled_from("abT"), JSON) | JSON,
        "input": JSON,
        "perform": BODY,
        "job": JSON,
    },
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SPEC)
def test_values_in_every_wrong_place(spec: object) -> None:
    _check("flow.yaml", _flow_style(spec))


def _flow_style(value: object) -> str:
    """YAML on one line; JSON would do, but for infinite numbers."""
    match value:
        case dict():
            return "{" + ", ".join(f'"{key}": {_flow_style(inner)}' for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow_style, value)) + "]"
        case str():
            return f'"{value}"'
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return f".{str(value)[-3:]}" if "n" in str(value) else repr(value)
    return str(value)


LARGE = {
    "open brackets": "[" * 1_000_000,
    "open braces": "{a: " * 250_000,
    "dashes": "- " * 500_000,
    "question marks": "? " * 500_000,
    "quotes": "'" * 1_000_000,
    "comment": "#" * 1_000_000,
    "one word": "flow: " + "x" * 1_000_000,
    "documents": "---\n" * 250_000,
    "key chain": "a: " * 330_000,
    "dotted key": "a." * 500_000 + "a = 1",
    "toml brackets": "a = " + "[" * 1_000_000,
    "toml digits": "a = " + "9" * 1_000_000,
    "yaml digits": "flow: " + "9" * 1_000_000,
    "type brackets": "flow: x\ninput: '" + "[" * 1_000_000 + "'\nsteps: {a: }",
    "type maps": "flow: x\ninput: '" + "map of " * 140_000 + "'\nsteps: {a: }",
    "type union": "flow: x\ninput: '" + "a | " * 250_000 + "'\nsteps: {a: }",
    "aliases": "flow: &a x\nsteps: [" + "*a," * 250_000 + "]",
    "dependencies": "flow: x\nsteps: {a: {depends_on: [" + "b," * 100_000 + "]}}",
}


@pytest.mark.parametrize("suffix", ["yaml", "toml"])
@pytest.mark.parametrize("name", LARGE)
def test_a_megabyte_of_anything_ends_soon(name: str, suffix: str) -> None:
    started = time.process_time()
    flows, shown = _check(f"flow.{suffix}", LARGE[name])
    assert not flows
    assert "error[PGF" in shown
    assert time.process_time() - started < 10  # seconds; 0.1 to 1 on the machine it was written on


def _long_flow(steps: int) -> str:
    shuffled = random.Random(1).sample(range(1, steps), steps - 1)
    lines = [
        f"  s{n}: {{depends_on: [s{n - 1}], output: {{a: int}}, if: {{s{n - 1}: {{a: 1}}}}}}"
        for n in shuffled
    ]
    return "\n".join(["flow: long", "steps:", "  s0: {output: {a: int}}", *lines])


def _slips(steps: int) -> str:
    return "flow: f\nsteps:\n" + "".join(f"  s{n}_word: {{depends_on: [s{n}_wrod]}}\n" for n in range(steps))


def _wrong_keys_on_one_line(steps: int) -> str:
    return "flow: f\nsteps: {" + ", ".join(f"s{n}: {{timout: 5}}" for n in range(steps)) + "}\n"


def _wrong_conditions(steps: int) -> str:
    return "flow: f\nsteps:\n  a: {output: {b: int}}\n" + "".join(
        f"  s{n}: {{depends_on: [a], if: {{a: {{c: {n}}}}}}}\n" for n in range(steps)
    )


@pytest.mark.parametrize("text_of", [_long_flow, _wrong_keys_on_one_line, _wrong_conditions])
def test_the_work_grows_with_the_text_and_no_faster(text_of: Callable[[int], str]) -> None:
    """A flow of four times as many steps takes about four times as many calls, not sixteen."""

    def calls(steps: int) -> int:
        counted = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal counted
            counted += event in ("call", "c_call")

        text = text_of(steps)
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            flows, shown = _check("flow.yaml", text)
        finally:
            sys.setprofile(before)
        if text_of is _long_flow:
            assert [step.slug for step in flows[0].steps] == [f"s{n}" for n in range(steps)], shown
        else:
            assert shown.count("error[") == steps
        return counted

    assert calls(1000) < 6 * calls(250)


@pytest.mark.parametrize(
    "text",
    [
        _slips(5000),
        "flow: f\ninput: {" + ", ".join(f"f{n}: t{n}_wrod" for n in range(3000)) + "}\nsteps: {a: }\n",
        "flow: f\nsteps:\n" + "  # pgflowc: ignore[PGF405] x\n" * 20_000 + "  a: {}\n",
        "flow: f\n" + "".join(f"key{n}: 1\n" for n in range(5000)) + "steps: {a: }\n",
        "---\n".join(
            f"flow: f{n}\ncron: {{schedule: '@daily', timezone: Berlim}}\nsteps: {{a: }}\n"
            for n in range(500)
        ),
        "flow: f # pgflowc:\ndescription: 'a" + " " * 300_000 + "b'\nsteps: {a: {depends_on: [b]}}\n",
    ],
    ids=["dependencies", "types", "ignores", "keys", "zones", "blanks"],
)
def test_thousands_of_faults_are_told_soon(text: str) -> None:
    started = time.process_time()
    _, shown = _check("flow.yaml", text)
    assert "[PGF" in shown
    assert time.process_time() - started < 10  # seconds; 0.1 to 2 on the machine it was written on
