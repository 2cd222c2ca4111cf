"""`pgflowc fmt`: the same meaning and comments in the usual form, and twice is once."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report
from pgflowc.document import parse
from pgflowc.spec.formatter import UnformattableError, formatted
from pgflowc.spec.model import (
    PERFORM_ORDER,
    ROOT_ORDER,
    STEP_ORDER,
    FlowModel,
    JobModel,
    PerformModel,
    StepModel,
    keys_of,
)

CASES = Path(__file__).parents[2] / "cases"
SPECS = sorted([*CASES.glob("*/flows/*.yaml"), *CASES.glob("fault_*/*.yaml")])
UNTIDY = """\
# yaml-language-server: $schema=../flow.schema.json

# what is done
steps:   # in any order
    a:   # first
        # what comes out
        output: {b: int,   a:   'str'}   # two fields
        depends_on:   []
        # the end of a
    # before b
    b: {output: [T], depends_on: [a], if: {a: {'x': 'it''s'}}}


    c:
      depends_on:
      - a   # an item
      # leads to b
      - b
      description: |
          Text # no comment
            deeper

          more
types:
  T: {a: int,  # why
      b: str}
flow: x  # slug
description: 'hello'
# the end
---
perform:
job: y
"""
TIDY = """\
# yaml-language-server: $schema=../flow.schema.json

flow: x  # slug
description: "hello"
types:
  T: {a: int,  # why
    b: str}

# what is done
steps:  # in any order
  a:  # first
    depends_on: []
    # the end of a
    # what comes out
    output: {b: int, a: "str"}  # two fields
  # before b
  b: {depends_on: [a], if: {a: {"x": "it's"}}, output: [T]}

  c:
    description: |
      Text # no comment
        deeper

      more
    depends_on:
      - a  # an item
      # leads to b
      - b
# the end
---
job: y
perform:
"""


def test_keys_are_sorted_and_comments_go_with_them() -> None:
    assert formatted("x.yaml", UNTIDY) == TIDY
    assert formatted("x.yaml", UNTIDY.replace("\n", "\r\n")) == TIDY


def test_comments_above_the_first_separator_stay_there() -> None:
    text = "\n# of the file\n\n# too\n---\n# of the flow\nsteps: {a: }\nflow: x\n---\njob: y\nperform:\n"
    assert formatted("x.yaml", text) == (
        "# of the file\n\n# too\n---\nflow: x\n# of the flow\nsteps: {a: }\n---\njob: y\nperform:\n"
    )


def test_a_comment_that_could_not_stay_is_named() -> None:
    with pytest.raises(UnformattableError, match="the comment in line 4 "):
        formatted("x.yaml", "flow: x\nsteps: {a: }\n---\n# of nothing\n---\njob: y\nperform:\n")


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.relative_to(CASES).as_posix())
def test_the_meaning_stays_and_formatting_again_changes_nothing(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    report = Report()
    documents = parse("x.yaml", text, report)
    if report.has_errors or not documents:
        with pytest.raises(UnformattableError, match="does not parse"):
            formatted("x.yaml", text)
        return
    pretty = formatted("x.yaml", text)
    assert formatted("x.yaml", pretty) == pretty
    before, after = Report(), Report()
    assert [flow.slug for flow in check_sources({"x.yaml": text}, before)] == [
        flow.slug for flow in check_sources({"x.yaml": pretty}, after)
    ]
    assert sorted(found.message for found in before.sorted() if "line" not in found.message) == sorted(
        found.message for found in after.sorted() if "line" not in found.message
    )


def test_the_order_has_every_key() -> None:
    assert {*keys_of(FlowModel), *keys_of(JobModel)} == {*ROOT_ORDER}
    assert sorted(keys_of(StepModel)) == sorted(STEP_ORDER)
    assert sorted(keys_of(PerformModel)) == sorted(PERFORM_ORDER)


def _run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(build(words), words)
    return done.exit_code, done.stdout, done.stderr


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good, untidy, broken, toml = (tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml", "d.toml"))
    good.write_text(TIDY, "utf-8")
    untidy.write_text(UNTIDY, "utf-8")
    broken.write_text("flow: [", "utf-8")
    toml.write_text("flow   = 'x'\nsteps = {a = {}}\n", "utf-8")

    assert _run("fmt", "--check", "a.yaml", "b.yaml")[:2] == (1, "would change b.yaml\n")
    code, out, _ = _run("fmt", "--diff", "b.yaml")
    assert code == 0
    assert "+  a:  # first\n" in out
    assert untidy.read_text("utf-8") == UNTIDY

    code, out, errors = _run("fmt", ".")
    assert code == 1
    assert out == "formatted b.yaml\n"
    assert "c.yaml:1:7: error[PGF" in errors
    assert untidy.read_text("utf-8") == TIDY
    assert broken.read_text("utf-8") == "flow: ["
    assert toml.read_text("utf-8").startswith("flow   =")
    assert _run("fmt", "--check", "a.yaml", "b.yaml", "d.toml")[0] == 0
