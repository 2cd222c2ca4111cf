"""The Python of all golden cases: type checkers and linters accept it as written, and it imports and runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "cases"
# Handlers that a case brings along are there to show that their formatting stays as it is.
UNTIDY = {"appended_stubs"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of all cases side by side, each under the name of its case."""
    root = tmp_path_factory.mktemp("generated")
    for expected in CASES.glob("*/expected"):
        package = "app" if (expected / "src").exists() else "shop"
        name = f"{expected.parent.name}_{package}"
        shutil.copytree(next(expected.rglob(package)), root / name)
        for module in (root / name).rglob("*.py"):
            text = module.read_text(encoding="utf-8")
            module.write_text(text.replace(f"from {package}.", f"from {name}."), encoding="utf-8")
    # Handlers of a flow that is gone cannot import its module, of which they are told.
    (root / "removed_flow_shop" / "handlers" / "alpha.py").unlink()
    # The library that one case refers to.
    (root / "audit").mkdir()
    (root / "audit" / "log.py").write_text(
        "from typing import Any\n\ndef record(deps: Any, ctx: Any) -> int:\n    return 0\n"
    )
    return root


def test_mypy_accepts_it(sources: Path) -> None:
    packages = [argument for path in sorted(sources.iterdir()) for argument in ("-p", path.name)]
    untidy = [argument for name in UNTIDY for argument in ("--exclude", f"{name}_shop/handlers")]
    _run(sources, "mypy", "--strict", "--config-file=", "--cache-dir=.cache", *packages, *untidy)


@pytest.mark.parametrize("command", [("check", "--extend-select=I,UP"), ("format", "--diff")])
def test_ruff_accepts_it(command: tuple[str, ...]) -> None:
    paths = [path.parent for path in CASES.glob("*/expected") if path.parent.name not in UNTIDY]
    for path in paths:
        root = path / "expected" / "src" if (path / "expected" / "src").exists() else path / "expected"
        _run(root, "ruff", *command, "--isolated", "--no-cache", ".")


def test_registries_import(sources: Path) -> None:
    packages = sorted(path.name for path in sources.glob("*_*"))
    assert len(packages) > 15
    statements = (f"from {package}.registry import registry" for package in packages if "app" not in package)
    _run(sources, None, "-c", "\n".join(statements))


def _run(directory: Path, module: str | None, *arguments: str) -> None:
    command = [sys.executable, *(("-m", module) if module else ()), *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
