"""What `pgflowc explain` says is true: each example has its fault, the cured one has not, and the page in
docs/ is the same. What a fault of files looks like is stored in tests/cases/faults_of_files/.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.compile import check_sources
from pgflowc.diagnostics import Code, Report, codes
from pgflowc.diagnostics.codes import files, types
from pgflowc.diagnostics.pages import markdown, page

DOCS = Path(__file__).parents[2] / "docs" / "diagnostics.md"
GOLDENS = Path(__file__).parents[1] / "cases" / "faults_of_files"
UPDATE = os.environ.get("PGFLOWC_UPDATE_CASES") == "1"
# Faults of single specs. Those after them need a project with a history: its golden case is the example.
# So do these, for another file.
NEED_A_FILE = (types.UNSUPPORTED_SCHEMA, types.UNCHECKED, types.NO_SUCH_CLASS, types.NOT_A_MODEL)
OF_SPECS = [
    code
    for code in codes.ALL
    if code.id < "PGF600" and code not in vars(files).values() and code not in NEED_A_FILE
]
OF_FILES = [code for code in codes.ALL if code in vars(files).values()]


def _found(code: Code, text: str) -> set[str]:
    report = Report()
    path = "example.toml" if code.id == "PGF002" else "example.yaml"
    check_sources({path: text}, report)
    return {found.code.id for found in report.sorted()}


@pytest.mark.parametrize("code", OF_SPECS, ids=lambda code: code.id)
def test_the_example_has_this_fault_and_no_other_and_the_cured_one_has_none(code: Code) -> None:
    assert _found(code, code.example) == {code.id}
    assert code.cured, "say in `cured` what the example is when it is right"
    assert _found(code, code.cured) == set()


@pytest.mark.parametrize("code", OF_FILES, ids=lambda code: code.id)
def test_the_example_of_a_project_has_this_fault_and_the_cured_one_has_not(
    code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code is files.UNREADABLE and os.geteuid() == 0:
        pytest.skip("nothing is unreadable for root")
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "order.yaml").write_text("flow: order\nsteps: {charge: }\n", "utf-8")
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n', "utf-8")
    for text, exit_code in ((code.example, 2), (code.cured, 0)):
        monkeypatch.chdir(tmp_path)
        done, output = _run(text, tmp_path, monkeypatch)
        assert done == exit_code, output
        assert (f"error[{code.id}]" in output) == (text is code.example), output
        if text is code.example:
            _compare(GOLDENS / f"{code.id}.txt", output.replace(str(tmp_path), "PROJECT"))


def _compare(golden: Path, output: str) -> None:
    """Compare what a user sees with the exact text that is stored."""
    if UPDATE:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(output, "utf-8")
    assert output == golden.read_text("utf-8")


def _run(text: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Do what an example shows: a command, what comes before it by a shell, or compile with this file."""
    if not text.startswith("$ "):
        (project / "pgflowc.toml").write_text(text, "utf-8")
        text = "$ pgflowc compile"
    before, _, command = text.removeprefix("$ ").rpartition("pgflowc ")
    if before:
        shell = f"{before} pwd"
        where = subprocess.run(shell, shell=True, check=True, capture_output=True, text=True, cwd=project)
        monkeypatch.chdir(where.stdout.strip())
    words = command.split()
    done = CliRunner().invoke(build(words), words)
    return done.exit_code, done.output


def test_the_page_in_the_documentation_is_current() -> None:
    if UPDATE:
        DOCS.write_text(markdown(codes.ALL), "utf-8")
    assert DOCS.read_text("utf-8") == markdown(codes.ALL), (
        "write it anew: PGFLOWC_UPDATE_CASES=1 pytest tests/compiler/test_pages.py"
    )


@pytest.mark.parametrize("code", codes.ALL, ids=lambda code: code.id)
def test_every_page_says_what_why_and_how(code: Code) -> None:
    shown = page(code, 80)
    headline = shown.partition("\n\n")[0]
    assert " ".join(headline.split()) == f"{code.id} ({code.severity}): {code.title}"
    assert f"Example:\n\n    {code.example.splitlines()[0]}" in shown
    assert "Cure: " in shown
    prose = [line for line in shown.splitlines() if not line.startswith("    ")]
    assert all(len(line) <= 80 or " " not in line for line in prose)
