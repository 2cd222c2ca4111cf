"""The Python of all golden cases: type checkers and linters accept it as written, and it imports and runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build

CASES = Path(__file__).parents[2] / "cases"
EXAMPLES = Path(__file__).parents[3] / "examples"
# Handlers that a case brings along are there to show that their formatting stays as it is.
UNTIDY = {"appended_stubs"}
# Handlers that no longer fit, of which they are told.
BEHIND = {
    "approval_with_handler",
    "changed_definition",
    "handler_reference_faults",
    "handlers_behind_and_stubs",
    "handlers_behind_spec",
    "handlers_with_star_imports",
    "version_shared_handler",
    "version_third",
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of all cases side by side, each under the name of its case."""
    root = tmp_path_factory.mktemp("generated")
    packages = {
        path.parent.name: next(path.rglob("app" if (path / "src").exists() else "shop"))
        for path in _expected()
    }
    packages |= {path.parents[1].name: path.parent for path in EXAMPLES.glob("*/*/_generated")}
    for case, path in packages.items():
        package = path.name
        name = f"{case}_{package}"
        shutil.copytree(path, root / name)
        if (CASES / case / package).is_dir():
            # Modules of its own that a case refers to.
            shutil.copytree(CASES / case / package, root / name, dirs_exist_ok=True)
        for module in (root / name).rglob("*.py"):
            text = module.read_text(encoding="utf-8")
            module.write_text(
                re.sub(rf"^from {package}\b", f"from {name}", text, flags=re.MULTILINE), encoding="utf-8"
            )
    # Handlers of a flow that is gone cannot import its module, of which they are told.
    (root / "removed_flow_shop" / "handlers" / "alpha.py").unlink()
    # The library that one case refers to.
    (root / "audit").mkdir()
    (root / "audit" / "log.py").write_text(
        "from typing import Any\n\ndef record(deps: Any, ctx: Any) -> int:\n    return 0\n"
    )
    # And the classes that another one refers to.
    (root / "people").mkdir()
    (root / "people" / "models.py").write_text(_models("Person", "Step", "Key"))
    (root / "python_types_shop" / "models.py").write_text(_models("Record"))
    return root


def _expected() -> list[Path]:
    return [path for path in CASES.glob("*/expected") if path.parent.name not in BEHIND]


def _models(*names: str) -> str:
    classes = (f"\n\nclass {name}(BaseModel):\n    id: int\n" for name in names)
    return "from pydantic import BaseModel\n" + "".join(classes)


def test_mypy_accepts_it(sources: Path) -> None:
    packages = [argument for path in sorted(sources.iterdir()) for argument in ("-p", path.name)]
    untidy = [argument for name in UNTIDY for argument in ("--exclude", f"{name}_shop/handlers")]
    _run(sources, "mypy", "--strict", "--config-file=", "--cache-dir=.cache", *packages, *untidy)


def test_pyright_accepts_it(sources: Path) -> None:
    """The default mode of basedpyright, stricter than pyright's `strict`, only says that stubs do not use
    their parameters yet.
    """
    (sources / "pyrightconfig.json").write_text('{"exclude": ["**/*_articles/*.py"]}')
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
    reported = json.loads(done.stdout)
    found = [
        (one["file"], one["message"])
        for one in reported["generalDiagnostics"]
        if (one.get("rule") != "reportUnusedParameter" and "/handlers/" in one["file"])
        or re.search(r"/_generated/|_(shop|app)/registry\.py$", one["file"])
    ]
    examples = [
        f"/{path.parents[1].name}_{path.parent.name}/handlers/" for path in EXAMPLES.glob("*/*/_generated")
    ]
    assert not [one for one in found if not any(handlers in one[0] for handlers in examples)]
    assert reported["summary"]["errorCount"] == 0
    assert reported["summary"]["filesAnalyzed"] > 100


@pytest.mark.parametrize("command", [("check", "--extend-select=I,UP"), ("format", "--diff")])
def test_ruff_accepts_it(command: tuple[str, ...]) -> None:
    for path in _expected():
        if path.parent.name in UNTIDY:
            continue
        root = path / "src" if (path / "src").exists() else path
        _run(root, "ruff", *command, "--isolated", "--no-cache", ".")


def test_registries_import(sources: Path) -> None:
    packages = sorted(path.name for path in sources.glob("*_shop"))
    assert len(packages) > 15
    statements = (f"from {package}.registry import registry" for package in packages)
    _run(sources, None, "-c", "\n".join(statements))


def _run(directory: Path, module: str | None, *arguments: str) -> None:
    command = [sys.executable, *(("-m", module) if module else ()), *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_neighbour_of_the_package_is_sorted_as_the_projects_own(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "work.py").write_text("def load(input, ctx): ...\n")
    (tmp_path / "zebra.py").write_text("class Key: ...\n")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "f.yaml").write_text(
        "flow: f\nsteps:\n"
        "  a: {handler: 'people.work:load', output: {$python: 'zebra:Key'}}\n"
        "  b: {handler: 'operator:concat'}\n"
    )
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n')
    words = ["compile", "--project", str(tmp_path)]
    done = CliRunner().invoke(build(words), words)
    assert done.exit_code == 0, done.output
    _run(tmp_path, "ruff", "check", "--select=I", "--isolated", "--no-cache", "shop")
