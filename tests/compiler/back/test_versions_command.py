"""`pgflowc versions`: the list, with and without a database, and what retiring writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from pgflowc.cli.app import build

SPEC = "flow: order\nsteps:\n  check: {}\n  charge: {depends_on: [check]}\n"
NOWHERE = "postgresql:///x?host=/nowhere"


class Project:
    """A project in a directory, and the commands that its user gives."""

    def __init__(self, root: Path, dsn: str) -> None:
        self.root = root
        self.dsn = dsn
        (root / "flows").mkdir()
        (root / "pgflowc.toml").write_text('package = "shop"\n')

    def run(self, *words: str) -> Result:
        """The output of a command, of both streams."""
        arguments = [*words, "--project", str(self.root)]
        return CliRunner().invoke(build(arguments), arguments)

    def change(self, spec: str) -> None:
        """Compile it and apply what comes of it."""
        (self.root / "flows" / "order.yaml").write_text(spec)
        for words in (("compile",), ("db", "up", "--dsn", self.dsn)):
            done = self.run(*words)
            assert done.exit_code == 0, done.output

    def listed(self, dsn: str | None = None) -> list[tuple[int, bool, int | None]]:
        """Version, whether it is current, alive runs."""
        done = self.run("versions", "--json", "--dsn", dsn or self.dsn)
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        return [(one["version"], one["is_current"], one["alive_runs"]) for one in found]


@pytest.fixture
def project(tmp_path: Path, core_dsn: str) -> Project:
    """Flow order has versions 1 and 2, and a run of each is alive."""
    one = Project(tmp_path, core_dsn)
    for spec in (SPEC, SPEC.replace("[check]", "[]")):
        one.change(spec)
        started = one.run("start", "order", "--dsn", core_dsn)
        assert started.exit_code == 0, started.output
    return one


def test_the_list_is_of_the_lock_and_of_the_database(project: Project) -> None:
    assert project.listed() == [(1, False, 1), (2, True, 1)]
    assert project.listed(NOWHERE) == [(1, False, None), (2, True, None)]
    shown = project.run("versions", "--dsn", NOWHERE).output
    assert "order        1  order               ?\n" in shown
    assert "runs were not counted: " in shown
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        connection.execute("select pgflowc.switch_version('order', 2, 1)")
    assert project.listed() == [(1, True, 1), (2, False, 1)]


@pytest.mark.parametrize(
    ("words", "exit_code", "text"),
    [
        (("order", "2"), 2, "version 2 is the current one of 'order'"),
        (("order", "7"), 2, "'order' has no former version 7"),
        (("ordre", "1"), 2, "did you mean 'order'?"),
        ((), 1, "there is no former version without runs alive"),
    ],
)
def test_what_cannot_be_retired(project: Project, words: tuple[str, ...], exit_code: int, text: str) -> None:
    before = sorted(project.root.rglob("*"))
    done = project.run("versions", "retire", *words, "--dsn", project.dsn)
    assert (done.exit_code, text in done.output) == (exit_code, True), done.output
    assert sorted(project.root.rglob("*")) == before


def test_drained_versions_are_found_and_retired(project: Project) -> None:
    unknown = project.run("versions", "retire", "--dsn", NOWHERE)
    assert unknown.exit_code == 2
    assert "which versions have no runs alive is not known" in unknown.output
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        connection.execute("select pgflowc.cancel_run(run_id) from pgflow.runs where flow_slug = 'order'")
    done = project.run("versions", "retire", "--dsn", project.dsn)
    assert done.exit_code == 0, done.output
    assert "May be deleted now: shop/handlers/order_v1.py" in done.output
    assert (project.root / "shop" / "handlers" / "order_v1.py").exists()
    assert not (project.root / "shop" / "_generated" / "order_v1.py").exists()
    assert "order_v1" not in (project.root / "shop" / "registry.py").read_text()
    applied = project.run("db", "up", "--dsn", project.dsn)
    assert applied.exit_code == 0, applied.output
    assert project.listed() == [(2, True, 1)]
    # Runs of the name start, and what is compiled stays as it is.
    assert project.run("start", "order", "--dsn", project.dsn).exit_code == 0
    again = project.run("compile")
    assert "wrote 0 files" in again.output


def test_without_a_lock(tmp_path: Path, core_dsn: str) -> None:
    done = Project(tmp_path, core_dsn).run("versions")
    assert done.exit_code == 2
    assert "help: run `pgflowc compile`" in done.output
