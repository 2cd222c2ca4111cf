"""Diagnostics as text where a golden case does not reach: colours, missing texts, odd widths."""

from __future__ import annotations

import re

import pytest

from pgflowc.compile import check_sources
from pgflowc.diagnostics import Diagnostic, Label, Position, Report, Span, codes
from pgflowc.diagnostics.codes import graph
from pgflowc.diagnostics.text import count, render
from pgflowc_language.words import near_miss

SPEC = "flow: orders\nsteps:\n  a: {}\n  b: {depends_on: [aa]}\n"


def _found(text: str = SPEC) -> tuple[Diagnostic, ...]:
    report = Report()
    check_sources({"flow.yaml": text}, report)
    return report.sorted()


def test_colours_change_nothing_but_colours() -> None:
    plain = render(_found(), {"flow.yaml": SPEC}, color=False, width=100)
    colored = render(_found(), {"flow.yaml": SPEC}, color=True, width=100)
    assert "\x1b[" in colored
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_without_the_text_there_is_still_the_place_and_the_help() -> None:
    assert render(_found(), {}, color=False, width=100) == (
        "flow.yaml:4:20: error[PGF201]: step 'b' depends on 'aa', which is not a step\n"
        " = help: did you mean 'a' (line 3)?\n\n1 error\n"
    )


def test_help_counts_the_other_steps() -> None:
    text = "flow: f\nsteps:\n  a: {}\n  b: {depends_on: [zz]}\n"
    for more, help in (("", "the only other step is a"), ("  c: {}\n", "the other steps are a and c")):
        report = Report()
        check_sources({"flow.yaml": text + more}, report)
        assert [found.help for found in report.sorted()] == [(help,)]


def test_nothing_found_is_nothing_said() -> None:
    assert render((), {}, color=False, width=100) == ""
    assert count(()) == ""


def test_a_finding_without_a_place_is_one_line() -> None:
    found = Diagnostic(graph.CYCLE, "nowhere")
    assert render([found], {}, color=False, width=100) == "error[PGF202]: nowhere\n\n1 error\n"


@pytest.mark.parametrize("width", [0, 20, 60, 80, 200])
def test_source_lines_fit_the_terminal(width: int) -> None:
    text = (
        "flow: orders\nsteps:\n  a: {description: " + "'" + "wörd 支払い " * 60 + "', depends_on: [nobody]}\n"
    )
    shown = render(_found(text), {"flow.yaml": text}, color=False, width=width)
    framed = [line for line in shown.splitlines() if re.match(r" *\d* \|", line)]
    assert any("^^^^^^" in line for line in framed)
    for line in framed:
        columns = sum(2 if ord(character) > 0x2E80 else 1 for character in line.split(" unknown step")[0])
        assert columns <= max(width, 44)


def test_a_label_far_away_on_the_same_line_is_shown_on_its_own() -> None:
    line = "a" * 20 + " " * 300 + "b" * 20
    near, far = (
        Span("f", Position(1, 1), Position(1, 21)),
        Span("f", Position(1, 321), Position(1, 341)),
    )
    found = Diagnostic(graph.CYCLE, "both", near, "near", (Label(far, "far"),))
    shown = render([found], {"f": line}, color=False, width=80).splitlines()
    for sign, letter, text in (("^", "a", "near"), ("-", "b", "far")):
        under = next(index for index, row in enumerate(shown) if row.endswith(f"{sign * 20} {text}"))
        column = shown[under].index(sign * 20)
        assert shown[under - 1][column : column + 20] == letter * 20


_MESSAGE = (
    "step 'pay' of 'büro' waits for /a/very/long/path/that/nobody/should/break/in/two.yaml, "
    "支払いを確認してから注文を発送する, and `pgflowc compile --allow-data-loss`, the command, as well"
)


@pytest.mark.parametrize("width", [48, 60, 80, 100, 130])
@pytest.mark.parametrize("indent", [2, 30])
def test_messages_are_broken_to_the_width(width: int, indent: int) -> None:
    text = f"flow: orders\nsteps:\n{' ' * indent}pay: 支払い\n"
    span = Span("flow.yaml", Position(3, indent + 6), Position(3, indent + 9))
    found = Diagnostic(graph.CYCLE, _MESSAGE, span, "支払い: " + "because " * 12, help=(_MESSAGE, "`short`"))
    shown = render([found], {"flow.yaml": text}, color=False, width=width, wrap=True)
    for line in shown.splitlines():
        columns = sum(2 if ord(character) > 0x2E80 else 1 for character in line)
        assert columns <= width or line.strip().startswith("/a/very"), line
        assert line == line.rstrip()
    for word in _MESSAGE.split():
        assert shown.count(word) >= 2 or ord(word[0]) > 0x2E80 or "`" in word
    assert shown.count("`pgflowc compile --allow-data-loss`,") == 2
    assert "".join(shown.split()).count("".join(_MESSAGE.split())) == 2
    assert shown.count("because") == 12
    whole = render([found], {"flow.yaml": text}, color=False, width=width)
    assert _MESSAGE in whole.splitlines()[0]
    assert "".join(whole.split()).replace("|", "").replace("^", "") == "".join(shown.split()).replace(
        "|", ""
    ).replace("^", "")


def test_a_word_that_no_line_holds_stays_whole() -> None:
    found = Diagnostic(graph.CYCLE, "x" * 200 + " is long")
    shown = render([found], {}, color=False, width=40, wrap=True)
    assert shown == f"error[PGF202]:\n    {'x' * 200}\n    is long\n\n1 error\n"


def test_codes_are_found_in_any_spelling() -> None:
    assert codes.find("PGF201") is graph.UNKNOWN_DEPENDENCY
    assert codes.find("pgf201") is graph.UNKNOWN_DEPENDENCY
    assert codes.find("201") is graph.UNKNOWN_DEPENDENCY
    assert codes.find("PGF999") is None
    assert [code.id for code in codes.ALL] == sorted(code.id for code in codes.ALL)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("validte", "validate"),
        ("Validate", "validate"),
        ("load-items", "load_items"),
        ("xyz", None),
        ("", None),
    ],
)
def test_near_misses(word: str, meant: str | None) -> None:
    assert near_miss(word, ["charge", "validate", "load_items"]) == meant
