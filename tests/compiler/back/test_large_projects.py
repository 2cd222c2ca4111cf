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
from pgflowc.project import MAX_BYTES

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
    (root / "shop" / "_generated" / "f3.py").unlink()
    assert "wrote 1 file," in _compile(root).stdout
    # That compilation is enough to know it.
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


def _is_compiled_again(root: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> bool:
    """Whether compiling, which has nothing to write, finds that out by compiling."""
    remembered: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(memory, "remember", lambda *arguments: remembered.append(arguments))
        assert "wrote 0 files" in _compile(root, *options).stdout
    return bool(remembered)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "\0" + text[1:],
        lambda text: text[: len(text) // 2],
        lambda text: text + "../../etc/passwd\n",
        lambda text: text.replace("shop/registry.py\n", ""),
        lambda text: text.replace("f7", "f8"),
    ],
)
def test_damaged_memory_is_not_believed(
    root: Path, damage: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _compile(root)
    assert not _is_compiled_again(root, monkeypatch)
    place = root / ".pgflowc" / "compiled"
    place.write_text(damage(place.read_text()))
    assert _is_compiled_again(root, monkeypatch)


def test_memory_of_another_checkout_is_not_believed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (root / ".pgflowc" / "compiled").exists()
    assert _is_compiled_again(root, monkeypatch)


def test_options_are_heeded_though_nothing_has_changed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _compile(root)
    assert not _is_compiled_again(root, monkeypatch)
    assert _is_compiled_again(root, monkeypatch, "--allow-data-loss")
    assert _is_compiled_again(root, monkeypatch, "--force")


def test_memory_does_not_follow_links(root: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    (root / ".pgflowc" / "compiled.tmp").symlink_to(theirs)
    (root / ".pgflowc" / ".gitignore").unlink()
    (root / ".pgflowc" / ".gitignore").symlink_to(tmp_path / "none")
    assert _compile(root).exit_code == 0
    shutil.rmtree(root / ".pgflowc")
    (tmp_path / "elsewhere").mkdir()
    (root / ".pgflowc").symlink_to(tmp_path / "elsewhere")
    assert _compile(root).exit_code == 0
    assert theirs.read_text() == "theirs"
    assert not (tmp_path / "none").exists()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_names_that_are_no_unicode_do_no_harm(root: Path) -> None:
    (root / "shop" / "handlers" / os.fsdecode(b"caf\xe9.py")).write_text("")
    assert _compile(root).exit_code == 0


def test_files_beside_specs_may_be_larger_than_specs(root: Path) -> None:
    # The lock of a project of 5,000 flows is.
    line = b"-- a line of a migration that somebody wrote by hand\n"
    (root / "migrations" / "seed.sql").write_bytes(line * (MAX_BYTES // len(line) + 1))
    assert "wrote 0 files" in _compile(root).stdout


def test_another_compiler_compiles_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _compile(root)
    assert not _is_compiled_again(root, monkeypatch)
    monkeypatch.setattr(memory, "_compiler", lambda: ("99",))
    assert _is_compiled_again(root, monkeypatch)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_project_that_cannot_be_written_is_compiled_as_always(root: Path) -> None:
    shutil.rmtree(root / ".pgflowc")
    root.chmod(0o500)
    try:
        assert "wrote 0 files" in _compile(root).stdout
    finally:
        root.chmod(0o700)
