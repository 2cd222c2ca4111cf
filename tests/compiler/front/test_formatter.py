"""`pgflowc fmt`: the same meaning and comments in the usual form, and twice is once."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report
from pgflowc.document import parse
from pgflowc.spec.formatter import formatted
from pgflowc.spec.layout import UnformattableError
from pgflowc.spec.model import (
    PERFORM_ORDER,
    ROOT_ORDER,
    SIGNAL_ORDER,
    STEP_ORDER,
    ApprovalModel,
    FlowModel,
    JobModel,
    PerformModel,
    StepModel,
    keys_of,
)

CASES = Path(__file__).parents[2] / "cases"
SPECS = sorted(
    path
    for pattern in ("*/flows/*.yaml", "*/flows/*.toml", "fault_*/*.yaml", "fault_*/*.toml")
    for path in CASES.glob(pattern)
)
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
    documents = parse(path.name, text, report)
    if report.has_errors or not documents:
        with pytest.raises(UnformattableError, match="does not parse"):
            formatted(path.name, text)
        return
    pretty = formatted(path.name, text)
    assert formatted(path.name, pretty) == pretty
    before, after = Report(), Report()
    assert [flow.slug for flow in check_sources({path.name: text}, before)] == [
        flow.slug for flow in check_sources({path.name: pretty}, after)
    ]
    assert sorted(found.message for found in before.sorted() if "line" not in found.message) == sorted(
        found.message for found in after.sorted() if "line" not in found.message
    )


def test_what_a_step_waits_for_has_an_order_and_its_payload_keeps_its_own() -> None:
    signal = "{on_timeout: skip, wait_for: 2d, payload: {wait_for: int, payload: str}}"
    assert formatted(
        "x.yaml", f"flow: x\nsteps: {{signal: {{approval: {signal}, depends_on: [b]}}, b: }}\n"
    ) == (
        "flow: x\nsteps: {signal: {depends_on: [b], approval: "
        "{payload: {wait_for: int, payload: str}, wait_for: 2d, on_timeout: skip}}, b: }\n"
    )
    text = 'job = "x"\n[perform]\noutput = "str"\nsignal = {wait_for = "2d", payload = "str"}\n'
    assert formatted("x.toml", text) == (
        'job = "x"\n\n[perform]\nsignal = { payload = "str", wait_for = "2d" }\noutput = "str"\n'
    )


UNTIDY_TOML = """\
# modeline

# about the flow
timeout = '30s' # beside
flow   = 'x'
description = \"""
Long
  text\"""

[types]
Item = {sku='str',   quantity = 'int'}   # item
  Other = [
  'str' ]
# the end of types

# about b
[ steps . 'b' ]  # header of b
output = { a = 1, "b" = 'x"y' }
depends_on = ["a", # first
   "c"
     ]
[steps.a]
# inner
was = 'q'

output.x = "str"


[input]
to = "str"
# the end
"""
TIDY_TOML = """\
# modeline

flow = "x"
description = \"""
Long
  text\"""

# about the flow
timeout = "30s"  # beside

[types]
Item = { sku = "str", quantity = "int" }  # item
Other = ["str"]
# the end of types

[input]
to = "str"
# the end

# about b
[steps."b"]  # header of b
depends_on = ["a", # first
  "c"
]
output = { a = 1, "b" = 'x"y' }

[steps.a]
# inner
was = "q"

output.x = "str"
"""


def test_toml_has_a_usual_form() -> None:
    assert formatted("x.toml", UNTIDY_TOML) == TIDY_TOML
    assert formatted("x.toml", TIDY_TOML) == TIDY_TOML


ODD_YAML = """\
%YAML 1.2
---
flow: x
description: |+
    kept

steps:
  a:
    description: >2-
        deeper
      less
    output: str
...
# of the job
---  # here it begins
job: z
perform:
  description: |+
    one end
  output: str
...
"""
LESS_ODD_YAML = """\
%YAML 1.2
---
flow: x
description: |+
  kept

steps:
  a:
    description: >2-
        deeper
      less
    output: str
# of the job
---  # here it begins
job: z
perform:
  description: |
    one end
  output: str
"""


def test_lines_that_end_documents_go_and_empty_lines_that_count_stay() -> None:
    assert formatted("x.yaml", ODD_YAML) == LESS_ODD_YAML
    assert formatted("x.yaml", LESS_ODD_YAML) == LESS_ODD_YAML


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("x.yaml", "--- {flow: x, steps: {a: }}\n", "something follows a '---' on its line"),
        ("x.toml", "flow = x\n", "it does not parse"),
    ],
)
def test_what_cannot_be_formatted_says_so(path: str, text: str, reason: str) -> None:
    with pytest.raises(UnformattableError, match=reason):
        formatted(path, text)


def _scribbled(text: str, random: Random) -> str:
    """The text with comments, blanks and empty lines anywhere."""
    lines = text.split("\n")
    for number in range(random.randrange(1, 6)):
        place = random.randrange(len(lines))
        match random.randrange(5):
            case 0:
                lines[place] += f"  # beside {number}"
            case 1:
                lines.insert(place, " " * random.choice((0, 2, 4)) + f"# alone {number}")
            case 2:
                lines.insert(place, "")
            case 3:
                lines[place] = lines[place].replace('"', "'").replace("[", "[  ")
            case _:
                lines[place] = lines[place].replace(",", f", # inside {number}\n      ", 1)
    return "\n".join(lines)


def test_wherever_comments_stand_they_stay_and_formatting_again_changes_nothing() -> None:
    """`formatted` itself refuses to lose a comment or to change the tree, so it only may not refuse often."""
    random = Random(1)
    specs = [(path.name, path.read_bytes().decode("utf-8").replace("\r\n", "\n")) for path in SPECS]
    done = refused = 0
    for _ in range(500):
        path, text = random.choice(specs)
        text = _scribbled(text, random)
        report = Report()
        if not parse(path, text, report) or report.has_errors:
            continue
        try:
            pretty = formatted(path, text)
        except UnformattableError:
            refused += 1
            continue
        done += 1
        assert formatted(path, pretty) == pretty
        for comment in re.findall(r"# (?:beside|alone|inside) \d", text):
            assert comment in pretty
    assert done > 200
    assert refused < done / 50


def test_the_order_has_every_key() -> None:
    assert {*keys_of(FlowModel), *keys_of(JobModel)} == {*ROOT_ORDER}
    assert sorted(keys_of(StepModel)) == sorted(STEP_ORDER)
    assert sorted(keys_of(PerformModel)) == sorted(PERFORM_ORDER)
    assert sorted(keys_of(ApprovalModel)) == sorted(SIGNAL_ORDER)


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
    assert out == "formatted b.yaml\nformatted d.toml\n"
    assert "c.yaml:1:7: error[PGF" in errors
    assert untidy.read_text("utf-8") == TIDY
    assert broken.read_text("utf-8") == "flow: ["
    assert toml.read_text("utf-8") == 'flow = "x"\nsteps = { a = {} }\n'
    assert _run("fmt", "--check", "a.yaml", "b.yaml", "d.toml")[0] == 0
