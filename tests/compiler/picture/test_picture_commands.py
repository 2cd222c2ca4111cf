"""`pgflowc graph` and `pgflowc docs` as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pgflowc.cli.app import build

ROOT = Path(__file__).parents[3]
ONE = "flow: one\nsteps: {first: {}, second: {depends_on: [first]}}\n"
TWO = "flow: two\ndescription: The other one.\nsteps: {only: {}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n')
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "one.yaml").write_text(ONE)
    return tmp_path


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(build(arguments), [*arguments, "--project", str(project)])


def test_graph_draws_the_only_flow(project: Path) -> None:
    result = run(project, "graph")
    assert result.exit_code == 0
    assert result.stdout == "one\n\n●  first\n●  second\n"


@pytest.mark.parametrize(
    ("format", "beginning"), [("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")]
)
def test_graph_writes_each_format(project: Path, format: str, beginning: str) -> None:
    result = run(project, "graph", "one", "--format", format, "--types")
    assert result.exit_code == 0
    assert result.stdout.startswith(beginning)


def test_graph_asks_which_flow_and_offers_the_near_miss(project: Path) -> None:
    (project / "flows" / "two.yaml").write_text(TWO)
    assert run(project, "graph").exit_code == 2
    assert "one and two" in run(project, "graph").stderr
    missed = run(project, "graph", "tow")
    assert missed.exit_code == 2
    assert "did you mean 'two'?" in missed.stderr


@pytest.mark.parametrize("command", ["graph", "docs"])
def test_mistakes_in_specs_are_shown_and_nothing_is_made(project: Path, command: str) -> None:
    (project / "flows" / "two.yaml").write_text("flow: two\nsteps: {a: {depends_on: [b]}}\n")
    result = run(project, command)
    assert result.exit_code == 1
    assert "flows/two.yaml:2:" in result.stderr
    assert result.stdout == ""
    assert not (project / "docs").exists()


def test_docs_writes_pages_keeps_them_fresh_and_removes_old_ones(project: Path) -> None:
    (project / "flows" / "two.yaml").write_text(TWO)
    assert run(project, "docs", "--check").exit_code == 1
    assert run(project, "docs").exit_code == 0
    directory = project / "docs" / "flows"
    assert {path.name for path in directory.iterdir()} == {"README.md", "one.md", "two.md"}
    assert "The other one." in (directory / "README.md").read_text()
    assert run(project, "docs", "--check").exit_code == 0

    (project / "flows" / "two.yaml").unlink()
    (directory / "notes.md").write_text("by hand\n")
    stale = run(project, "docs", "--check")
    assert stale.exit_code == 1
    assert "docs/flows/two.md" in stale.stderr
    before = (directory / "one.md").stat().st_mtime_ns
    assert run(project, "docs").exit_code == 0
    assert {path.name for path in directory.iterdir()} == {"README.md", "one.md", "notes.md"}
    assert (directory / "one.md").stat().st_mtime_ns == before


def test_docs_leaves_pages_of_others_alone(project: Path) -> None:
    directory = project / "docs" / "flows"
    directory.mkdir(parents=True)
    (directory / "one.md").write_text("# Mine\n")
    result = run(project, "docs")
    assert result.exit_code == 2
    assert "docs/flows/one.md" in result.stderr
    assert (directory / "one.md").read_text() == "# Mine\n"
    assert run(project, "docs", "--dir", "pages").exit_code == 0


@pytest.mark.parametrize("directory", ["../out", "/pages", "."])
def test_docs_stays_in_the_project(project: Path, directory: str) -> None:
    assert run(project, "docs", "--dir", directory).exit_code == 2


@pytest.mark.parametrize("example", ["articles", "orders"])
def test_the_pages_of_the_examples_are_fresh(example: str) -> None:
    assert run(ROOT / "examples" / example, "docs", "--check").exit_code == 0


def test_the_picture_in_the_documentation_is_the_one_that_is_drawn() -> None:
    drawn = run(ROOT / "examples" / "orders", "graph", "process_order").stdout
    assert (
        f"```console\n$ pgflowc graph process_order\n{drawn}```"
        in (ROOT / "docs" / "pictures.md").read_text()
    )
