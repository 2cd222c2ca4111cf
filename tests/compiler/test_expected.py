"""Golden cases: a directory of specs, and every file that compiling it leaves, byte by byte.

tests/cases/<name>/ holds specs (in flows/, unless its own pgflowc.toml says otherwise), `before/`, the files
that the project has already, `expected/`, all files after compiling, and `report.txt`, what is reported.
`PGFLOWC_UPDATE_CASES=1 pytest tests/compiler/test_expected.py` writes both anew; read the diff.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pgflowc.compile import Compilation, compile_sources
from pgflowc.diagnostics import Report
from pgflowc.diagnostics.text import render
from pgflowc.output import compare, write
from pgflowc.plan import LOCK
from pgflowc.project import Project, load_project, read_flows, read_present
from pgflowc.render import Layout
from pgflowc.settings import Settings

CASES = Path(__file__).parents[1] / "cases"
NAMES = sorted(
    case.name for case in CASES.iterdir() if (case / "flows").is_dir() or (case / "pgflowc.toml").is_file()
)
UPDATE = os.environ.get("PGFLOWC_UPDATE_CASES") == "1"


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, tmp_path: Path) -> None:
    case = CASES / name
    project = _project(case, tmp_path)
    report, compilation = _compile(project)

    reported = report
    if UPDATE:
        _update(case, project, reported)
    assert reported == _text(case / "report.txt")
    if compilation.failed:
        assert not (case / "expected").exists()
    else:
        assert _tree(project.root, case) == _tree(case / "expected")


@pytest.mark.parametrize("name", NAMES)
def test_compiling_again_changes_nothing(name: str, tmp_path: Path) -> None:
    project = _project(CASES / name, tmp_path)
    _compile(project)
    before = _tree(project.root)
    _, again = _compile(project)
    assert _tree(project.root) == before
    if not again.failed:
        assert not [path for path in again.rendered.files if path.endswith(".sql")]


def test_every_case_states_what_it_expects() -> None:
    for name in NAMES:
        assert (CASES / name / "expected").is_dir() or (CASES / name / "report.txt").is_file()


def _project(case: Path, root: Path) -> Project:
    for path in case.iterdir():
        if path.is_dir() and path.name == "before":
            shutil.copytree(path, root, dirs_exist_ok=True)
        elif path.is_dir() and path.name != "expected":
            shutil.copytree(path, root / path.name)
        elif path.suffix == ".toml":
            shutil.copy(path, root)
    if not (root / "pgflowc.toml").exists():
        return Project(root, Settings(package="shop"))
    report = Report()
    project = load_project(root, report)
    assert project is not None, report.sorted()
    return project


def _compile(project: Project) -> tuple[str, Compilation]:
    """Compile and write as the command does; the text of the diagnostics and the compilation."""
    report = Report()
    settings = project.settings
    layout = Layout(
        settings.package or "", settings.source_dir, settings.migrations_dir, settings.migrations_format
    )
    sources = read_flows(project, report)
    present = read_present(project.root, (*layout.inputs(), *layout.handlers_of(sources.values())), report)
    compilation = compile_sources(sources, layout, present)
    assert not report.sorted()
    if not compilation.failed:
        rendered = compilation.rendered
        write(project.root, compare(rendered.files, rendered.removed, present), last=LOCK)
    text = render(compilation.diagnostics, compilation.sources, color=False, width=100)
    return text if compilation.diagnostics else "", compilation


def _tree(root: Path, case: Path | None = None) -> dict[str, bytes]:
    """The files below `root` by relative path, without those that came from the case's specs."""
    given = (
        {path.relative_to(case) for path in case.rglob("*") if path.parts[len(case.parts)] not in ("before",)}
        if case
        else set()
    )
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root) not in given and path.suffix != ".pyc"
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _update(case: Path, project: Project, reported: str) -> None:
    shutil.rmtree(case / "expected", ignore_errors=True)
    (case / "report.txt").unlink(missing_ok=True)
    if reported:
        (case / "report.txt").write_text(reported, encoding="utf-8")
    if "error" in reported.split("\n")[-2:][0]:
        return
    for path, content in _tree(project.root, case).items():
        target = case / "expected" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def test_a_comment_in_a_file_of_handlers_ignores_its_warning(tmp_path: Path) -> None:
    project = _project(CASES / "handler_reference_faults", tmp_path)
    module = tmp_path / "shop" / "mail.py"
    text = module.read_text(encoding="utf-8")
    line = "def one_argument(order_id: int) -> None: ..."
    module.write_text(
        text.replace(line, f"{line}  # pgflowc: ignore[PGF821] a test replaces it")
        + '\n# pgflowc: ignore[PGF821] nothing to ignore\nTEXT = "# pgflowc: ignore[PGF821]"\n',
        encoding="utf-8",
    )
    report, _ = _compile(project)
    assert "'one_argument' does not fit" not in report
    assert "'takes_the_input' does not fit" in report
    assert report.count("PGF022") == 1
    assert "there is no PGF821 to ignore in line 25" in report
