"""Compiling a large project again takes no time, and never misses a change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pgflowc.cli import memory
from pgflowc.cli.app import build

SPEC = "flow: f{}\ninput: {{name: str}}\nsteps:\n  hello: {{output: str}}\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled project of as many flows as are worth remembering."""
    root = tmp_path_factory.mktemp("large")
    (root / "flows").mkdir()
    (root / "pgflowc.toml").write_text('package = "shop"\n')
    for number in range(memory.WORTH_REMEMBERING):
        (root / "flows" / f"f{number}.yaml").write_text(SPEC.format(number))
    assert _compile(root).exit_code == 0
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "project"))


def _compile(root: Path, *options: str) -> Any:
    words = ["compile", "--project", str(root), *options]
    return CliRunner().invoke(build(words), words)


def test_it_is_known_to_be_compiled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The first compilation is enough to know it.
    assert memory.is_compiled(root, (root / ".pgflowc" / "compiled").read_text().split("\n")[0]) is not None
    monkeypatch.setattr(memory, "remember", lambda *_: pytest.fail("was not known"))
    known = _compile(root)
    monkeypatch.undo()
    (root / ".pgflowc" / "compiled").unlink()
    assert _compile(root).stdout == known.stdout
    assert "wrote 0 files" in known.stdout
    assert (root / ".pgflowc" / ".gitignore").read_text() == "*\n"

    def never(*_: object, **__: object) -> None:
        raise AssertionError("compiled, though nothing has changed")

    monkeypatch.setattr("pgflowc.cli.compile.compile_sources", never)
    assert _compile(root).stdout == known.stdout
    assert _compile(root, "--check").exit_code == 0
    assert _compile(root, "--diff").stdout == ""


def _edit_spec(root: Path) -> None:
    (root / "flows" / "f7.yaml").write_text(SPEC.format(7).replace("output: str", "output: int"))


def _add_spec(root: Path) -> None:
    (root / "flows" / "more.yaml").write_text(SPEC.format("_more"))


def _remove_generated(root: Path) -> None:
    (root / "shop" / "_generated" / "f3.py").unlink()


def _remove_handlers(root: Path) -> None:
    (root / "shop" / "handlers" / "f3.py").unlink()


def _change_package(root: Path) -> None:
    (root / "pgflowc.toml").write_text('package = "other"\n')


@pytest.mark.parametrize(
    "change", [_edit_spec, _add_spec, _remove_generated, _remove_handlers, _change_package]
)
def test_what_changed_is_compiled(root: Path, change: Callable[[Path], None]) -> None:
    change(root)
    assert "wrote 0 files" not in _compile(root).stdout
    assert "wrote 0 files" in _compile(root).stdout


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("shop/_generated/f1.py", "PGF811"),
        ("migrations/0001_create_f0.sql", "PGF803"),
        ("shop/handlers/f1.py", "PGF813"),
        ("pgflowc.lock", "PGF804"),
    ],
)
def test_what_was_edited_is_found(root: Path, path: str, code: str) -> None:
    with (root / path).open("a") as file:
        file.write("def (\n")
    found = _compile(root)
    assert found.exit_code == 1
    assert code in found.stderr
    assert code in _compile(root).stderr


def test_another_compiler_compiles_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgflowc.__version__", "99")
    (root / "shop" / "registry.py").write_text((root / "shop" / "registry.py").read_text())
    called = []
    monkeypatch.setattr(memory, "remember", lambda *arguments: called.append(arguments))
    assert _compile(root).exit_code == 0
    assert called


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_project_that_cannot_be_written_is_compiled_as_always(root: Path) -> None:
    shutil.rmtree(root / ".pgflowc")
    root.chmod(0o500)
    try:
        assert "wrote 0 files" in _compile(root).stdout
    finally:
        root.chmod(0o700)
