"""A syntax error hides no other fault, and no finding only follows from it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from pgflowc.check import check_sources
from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.document import Refused, Scalar, parse

ROOT = Path(__file__).parents[3]
FIRST_OF_SPEC = "PGF050"
TRIES = 150


def _found(path: str, text: str) -> list[Diagnostic]:
    report = Report()
    check_sources({path: text}, report)
    return list(report.sorted())


@cache
def _specs() -> list[tuple[str, str]]:
    """Small specs with which nothing is wrong."""
    return [
        (path.name, text)
        for pattern in ("tests/cases/*/flows/*", "examples/*/flows/*")
        for path in sorted(ROOT.glob(pattern))
        if (text := path.read_bytes().decode("utf-8")) and len(text) < 3000 and not _found(path.name, text)
    ]


def _without_last(signs: str) -> Callable[[str], str]:
    return lambda line: re.sub(rf"[{signs}]([^{signs}]*)$", r"\1", line)


SLIPS: dict[str, Callable[[str], str]] = {
    "a bracket is not closed": _without_last(r"\]}"),
    "a quote is not closed": _without_last("\"'"),
    "a line stands one blank further in": lambda line: " " + line,
    "a line stands one blank further out": lambda line: line.removeprefix(" "),
    "a tab": lambda line: re.sub("^ *", lambda found: "\t" * (len(found[0]) // 2), line),
    "a colon or equals sign is missing": lambda line: re.sub(r"^([\w. ]+)[:=]", r"\1", line),
    "a bracket too many": lambda line: line + "]",
    "an item begins in the line of its key": lambda line: line.replace(": [", ": - ["),
    "a second colon": lambda line: re.sub(r": (?=\w)", ": x: ", line, count=1),
    "no quotes": lambda line: line.replace('"', "").replace("'", ""),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_the_only_finding(slip: str) -> None:
    """In a good spec nothing else is wrong: whatever else is found would follow from the slip."""
    random_ = random.Random(slip)
    tried = 0
    while tried < TRIES:
        path, text = random_.choice(_specs())
        lines = text.split("\n")
        number = random_.randrange(len(lines))
        tried += 1
        better = lines[number]
        lines[number] = SLIPS[slip](better)
        if lines[number] == better or better.lstrip().startswith(("#", "---")):
            continue
        found = _found(path, "\n".join(lines))
        if any(one.code.id < FIRST_OF_SPEC for one in found):
            shown = [(one.code.id, one.span.start.line if one.span else 0, one.message) for one in found]
            assert len(found) == 1, "\n".join(["", *map(str, shown), *lines])


def test_a_key_without_its_colon_hides_nothing_but_what_stands_below_it() -> None:
    for first, second in (
        ("  a\n    output: int\n", "  b:\n    retries: 3\n"),
        ("  a: {}\n", "  b\n    output: int\n"),
    ):
        found = _found("f.yaml", f"flow: f\nsteps:\n{first}{second}  c:\n    output: strr\n")
        assert [one.code.id for one in found if one.code.id in ("PGF001", "PGF302")] == ["PGF001", "PGF302"]
        slip = next(one for one in found if one.code.id == "PGF001")
        assert slip.label == "a ':' is missing after a key"
        assert slip.span is not None
        assert slip.span.start.line == (3 if first.startswith("  a\n") else 4)


@pytest.mark.parametrize("broken", ["output: {a: int", "output: 'x", "\toutput: int"])
def test_a_thousand_slips_take_no_longer_than_twenty(broken: str) -> None:
    steps = "".join(f"  s{number}:\n    {broken}\n" for number in range(1000))
    started = time.process_time()
    found = _found("f.yaml", f"flow: f\nsteps:\n{steps}")
    assert 1 <= len(found) <= 20
    assert all(one.code.id < FIRST_OF_SPEC for one in found)
    assert time.process_time() - started < 10  # seconds; below 1 on the machine it was written on


def test_nothing_of_a_cut_value_is_left() -> None:
    text = "flow: f\ninput: {a: [int, b: str\nsteps:\n  a: {output: int}\n"
    report = Report()
    (document,) = parse("f.yaml", text, report)
    assert isinstance(document.find("input"), Refused)
    assert document.may_hold("input", "b")
    assert not document.may_hold("steps", "c")
    assert [one.span.start.line for one in report.sorted() if one.span] == [2]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r'"\ud83d\ude00\uD83D\uDE00 x"', "\U0001f600\U0001f600 x"),
        (r'"\\ud83d\\ude00"', r"\ud83d\ude00"),
        (r"'\ud83d\ude00'", r"\ud83d\ude00"),
        (r"\ud83d\ude00", r"\ud83d\ude00"),
        ("|\n  \\ud83d\\ude00", r"\ud83d\ude00"),
        ('"\ue012\\uE800\\ud83d\\ude00"', "\ue012\ue800\U0001f600"),
    ],
)
def test_surrogates_of_json_are_joined(written: str, value: str) -> None:
    report = Report()
    (document,) = parse("f.yaml", f"a: {written}", report)
    node = document.find("a")
    assert isinstance(node, Scalar)
    assert node.value == value
    assert not report.sorted()


ODD_YAML = """\
flow: f
description: "abc"
input: {a: int}
steps:
  a: {output: str}
  b: {depends_on: [a], retries: 3}
"""
ODD_TOML = """\
flow = "f"
description = "abc"
input = {a = "int"}
[steps.a]
output = "str"
[steps.b]
depends_on = ["a"]
retries = 3
"""


@pytest.mark.parametrize(("path", "text"), [("f.yaml", ODD_YAML), ("f.toml", ODD_TOML)])
@pytest.mark.parametrize("odd", ["\x00", "\u2028", "\x1b"], ids=ascii)
def test_a_character_that_cannot_be_is_all_that_is_found_but_for_other_faults(
    path: str, text: str, odd: str
) -> None:
    """Wherever it stands; the other fault is `retries`, unless the character is in its line or step."""
    (fault,) = _found(path, text)
    also = 0
    for place in range(len(text) + 1):
        found = _found(path, text[:place] + odd + text[place:])
        assert "PGF013" in [one.code.id for one in found]
        others = [one for one in found if one.code.id != "PGF013"]
        assert not others or [one.message for one in others] == [fault.message]
        also += len(others)
    assert also > len(text) / 3


def test_lines_of_toml_end_with_line_feeds_only() -> None:
    found = _found("f.toml", 'flow = "f"\r\n[types]\r\nA =\r ["A"]\r\n[steps.a]\r\nretries = 3\r\n')
    assert [(one.code.id, one.span.start.column) for one in found if one.span] == [
        ("PGF002", 4),
        ("PGF103", 1),
    ]


@pytest.mark.parametrize(("path", "text"), [("f.toml", "[[[\n"), ("f.toml", "=\n"), ("f.yaml", "{{{[\n")])
def test_a_file_of_nothing_but_a_slip_is_not_called_empty(path: str, text: str) -> None:
    assert [one.code.id for one in _found(path, text) if one.code.id == "PGF011"] == []
    assert len(_found(path, text)) == 1
