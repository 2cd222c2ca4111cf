"""Golden pictures and pages: tests/pictures/<name>/ holds flow.yaml and what each command prints for it.

`PGFLOWC_UPDATE_CASES=1 pytest tests/compiler/picture` writes them anew; read the diff, look at the SVG.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report
from pgflowc.graph.model import Flow
from pgflowc.picture import Format, diagram, draw, pages
from pgflowc.picture.text import text

CASES = Path(__file__).parents[2] / "pictures"
NAMES = sorted(case.name for case in CASES.iterdir())
UPDATE = os.environ.get("PGFLOWC_UPDATE_CASES") == "1"
HOSTILE = 'it\'s "</text><script>" ]] %% `tick` \\ ${x} |'


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str) -> None:
    flow = _flow((CASES / name / "flow.yaml").read_text())
    page = pages([flow], "docs")[f"docs/{flow.slug}.md"]
    written = {
        "text.txt": draw(diagram(flow), Format.TEXT),
        "types.txt": draw(diagram(flow, types=True), Format.TEXT),
        "flow.mmd": draw(diagram(flow, types=True), Format.MERMAID),
        "flow.dot": draw(diagram(flow, types=True), Format.DOT),
        "flow.svg": draw(diagram(flow), Format.SVG),
        "types.svg": draw(diagram(flow, types=True), Format.SVG),
        "page.md": page,
    }
    for file, content in written.items():
        if UPDATE:
            (CASES / name / file).write_text(content)
        assert content == (CASES / name / file).read_text(), file
    assert {path.name for path in (CASES / name).iterdir()} == {*written, "flow.yaml"}


@pytest.mark.parametrize("types", [False, True])
def test_hostile_texts_are_only_texts(types: bool) -> None:
    flow = _flow(_hostile_spec())
    drawn = diagram(flow, types=types)
    image = ElementTree.fromstring(draw(drawn, Format.SVG))
    assert "script" not in {element.tag.rpartition("}")[2] for element in image.iter()}
    assert HOSTILE in "".join(image.itertext()).replace("\\\\", "\\")
    labels = re.findall(r'\["(.*?)"\]', draw(drawn, Format.MERMAID))
    assert labels
    assert all(re.fullmatch(r"(?:[A-Za-z0-9_ .,:()\[\]{}=/+*-]|#\d+;|<br/>)*", label) for label in labels)
    for line in draw(drawn, Format.DOT).splitlines()[2:-1]:
        assert re.fullmatch(r'    n\d+ (?:\[(?:[^"]|"(?:[^"\\]|\\.)*")*\]|-> n\d+.*);', line), line


def test_graphviz_takes_the_dot_picture() -> None:
    if (program := shutil.which("dot")) is None:
        pytest.skip("Graphviz is not installed")
    source = draw(diagram(_flow(_hostile_spec()), types=True), Format.DOT)
    subprocess.run([program, "-Tplain"], input=source.encode(), check=True, capture_output=True)


def test_a_page_shows_hostile_texts_as_they_are() -> None:
    flow = _flow(_hostile_spec())
    page = pages([flow], "docs")["docs/refund.md"]
    heading, _, rest = page.partition("\n\n")
    assert heading.splitlines()[0].count("-->") == 1
    assert "<script>" not in rest.split("```mermaid")[0]
    table = [line for line in page.splitlines() if line.startswith("| **")]
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert len(columns) == 1


def test_each_line_of_the_text_picture_names_a_step_and_plain_terminals_get_plain_characters() -> None:
    flow = _flow((CASES / "articles" / "flow.yaml").read_text())
    lines = draw(diagram(flow), Format.TEXT).splitlines()[2:]
    assert [re.split(r"\s{2,}", line.lstrip("●◆│├┤┼┴╰╯─ "))[0] for line in lines] == [
        step.slug for step in flow.steps
    ]
    assert text(diagram(flow), ascii_only=True).isascii()


def test_pictures_of_jobs_and_of_large_flows() -> None:
    job = _flow("job: send_email\ninput: {to: str}\nperform: {output: {sent: bool}}\n")
    for format in Format:
        assert "send_email" in draw(diagram(job, types=True), format)
    steps = "".join(f"  s{i}:\n    depends_on: [{f's{i // 2}' if i else ''}]\n" for i in range(500))
    big = _flow(f"flow: big\nsteps:\n{steps}")
    for format in Format:
        assert "s499" in draw(diagram(big), format)


def _flow(spec: str) -> Flow:
    report = Report()
    flows = check_sources({"flow.yaml": spec}, report)
    assert not report.has_errors, report.sorted()
    return flows[0]


def _hostile_spec() -> str:
    quoted = HOSTILE.replace("'", "''")
    return f"""\
flow: refund
description: '{quoted} --> <img src=x onerror=alert(1)>'
types: {{Kind: {{$enum: ['{quoted}', b]}}}}
input: {{kind: Kind}}
steps:
  end:
    description: '{quoted}'
    output: {{kind: Kind, '{quoted}': int}}
  click:
    depends_on: [end]
    if: {{end: {{kind: '{quoted}'}}}}
    output: Kind
  last:
    depends_on: [click]
"""


def test_a_page_says_when_runs_start_by_themselves() -> None:
    cron = "{schedule: '0 9 * * *', timezone: Europe/Berlin, catch_up: all, overlap: skip}"
    page = pages([_flow(f"flow: daily\ncron: {cron}\nsteps: {{only: {{}}}}\n")], "docs")["docs/daily.md"]
    assert (
        "- Starts by itself: `0 9 * * *` (Europe/Berlin); catches up on missed starts: all; "
        "not while the run before is going on\n" in page
    )
