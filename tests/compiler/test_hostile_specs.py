"""Whatever a spec holds ends in a diagnostic, or in Python and SQL in which it is data and nothing else."""

from __future__ import annotations

import ast
import json
import os
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgflowc.compile import Compilation, check_sources, compile_sources
from pgflowc.diagnostics import Report
from pgflowc.project import read_paths
from pgflowc.render import Layout

EVIL = (
    "'", '"', '"""', "'''", "*/", "/*", "--", ";", "$$", "$1", "$body$", "\\", "\\'", "\\n", "E'\\''", "%s",
    "%%", ":x", "{{ 7 * 7 }}", "{% raw %}", "{# x #}", "${x}", "`id`", "</script>",
    "\n-- x\nDROP TABLE pgflow.runs;\n", "\r\n", "\t", "\x1b[31m", "\u202e", "\u2028", "\ufeff", "\U000e0001",
    "é日本", "# pgflowc: ignore[PGF201]", "*/ $$ ''' \"\"\" \\",
)  # fmt: skip
FIELD = "'; DROP TABLE pgflow.runs; --"


_DEFINITIONS = (
    *(ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign),
    *(ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef),
)


def _spec() -> dict[str, Any]:
    steps: dict[str, Any] = {"root": {"output": {"text": "str"}, "description": "".join(EVIL)}}
    for number, text in enumerate(EVIL):
        steps[f"step_{number}"] = {
            "description": f"before {text} after",
            "depends_on": ["root"],
            "if": {"root": {"text": text}},
            "output": {"$enum": [text, "x"]},
        }
    return {
        "flow": "hostile",
        "description": "".join(EVIL),
        "version": '\'; -- */ $$ """ \\',
        "cron": {
            "schedule": "@daily",
            "input": {FIELD: "x", **{f"f{n}": text for n, text in enumerate(EVIL)}},
        },
        "types": {"Odd": {FIELD: "str", '"""': "int | null", "\\n {{ c }}": "str | null"}},
        "input": "Odd | any",
        "steps": steps,
    }


@pytest.fixture(scope="module")
def compiled() -> Compilation:
    text = json.dumps(_spec())
    assert "\\udb40\\udc01" in text
    compilation = compile_sources({"flows/hostile.yaml": text}, Layout("shop"), {})
    assert not compilation.failed, compilation.diagnostics
    return compilation


def test_it_is_data_in_python(compiled: Compilation) -> None:
    trees = [ast.parse(text) for path, text in compiled.rendered.files.items() if path.endswith(".py")]
    assert len(trees) >= 5
    nodes = [node for tree in trees for node in ast.walk(tree)]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for text in (*EVIL, FIELD):
        assert text in texts
    assert not [
        node for node in nodes if isinstance(node, ast.Name) and node.id in ("DROP", "id", "x", "raw")
    ]
    strangers = [
        ast.unparse(node)
        for tree in trees
        for node in tree.body
        if not isinstance(node, _DEFINITIONS)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    # The registry adds the flow; the texts of a spec have become nothing else.
    assert [text.partition("(")[0] for text in strangers] == ["registry.add"]


def test_it_is_data_in_sql(compiled: Compilation, core_dsn: str) -> None:
    files = {path: text for path, text in compiled.rendered.files.items() if path.endswith(".sql")}
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        for path in sorted(path for path in files if not path.endswith(".down.sql")):
            connection.execute(files[path].encode())
        stored = connection.execute(
            "select step_slug, required_input_pattern from pgflow.steps where step_slug <> 'root'"
        )
        assert dict(stored.fetchall()) == {
            f"step_{number}": {"root": {"text": text}} for number, text in enumerate(EVIL)
        }
        schedule = connection.execute(
            "select input from pgflowc.schedules where flow_slug = 'hostile'"
        ).fetchone()
        assert schedule == (_spec()["cron"]["input"],)
        for path in sorted((path for path in files if path.endswith(".down.sql")), reverse=True):
            connection.execute(files[path].encode())
        assert connection.execute("select count(*) from pgflow.flows").fetchone() == (0,)
        assert connection.execute("select count(*) from pgflow.runs").fetchone() == (0,)


@pytest.mark.parametrize("text", [*EVIL, "\x00", "a" * 200, "", " ", "a-b", "run", "1a", "ａ", "ı"])
def test_it_is_no_slug(text: str) -> None:
    for spec in (
        {"flow": text, "steps": {"a": {}}},
        {"flow": "f", "steps": {text: {}}},
        {"flow": "f", "steps": {"a": {"was": text}}},
        {"job": "f", "perform": {"step": text, "handler": text}},
    ):
        report = Report()
        flows = check_sources({"f.yaml": json.dumps(spec)}, report)
        assert not flows
        assert all(found.span is not None for found in report.sorted())
        assert "\x1b" not in "".join(found.message for found in report.sorted())


def test_no_text_holds_what_postgresql_cannot_store() -> None:
    for text in ("\x00", "\ud800"):
        report = Report()
        check_sources({"f.yaml": json.dumps({"flow": "f", "description": text, "steps": {"a": {}}})}, report)
        # YAML itself refuses the second one.
        assert [found.code.id for found in report.sorted()] == ["PGF013" if text == "\x00" else "PGF001"]


def test_a_long_description_is_kept_whole() -> None:
    long = "all work and no play " * 350_000  # 7 MB; a file may have 8
    started = time.process_time()
    text = json.dumps({"flow": "f", "description": long.strip(), "steps": {"a": {}}})
    compilation = compile_sources({"f.yaml": text}, Layout("shop"), {})
    assert not compilation.failed
    module = compilation.rendered.files["shop/_generated/f.py"]
    docstring = ast.get_docstring(ast.parse(module)) or ""
    assert docstring.split()[-5:] == ["all", "work", "and", "no", "play"]
    assert docstring.count("work") == 350_000
    assert time.process_time() - started < 60


def test_thousands_of_steps_need_no_recursion() -> None:
    """A chain as long as a file may hold; ten thousand here, so that the test is cheap."""
    lines = [f"  s{n}: {{depends_on: [s{n - 1}]}}" for n in range(1, 10_000)]
    started = time.process_time()
    (flow,) = check_sources({"f.yaml": "\n".join(["flow: f", "steps:", "  s0: {}", *lines])}, Report())
    assert [step.slug for step in flow.steps] == [f"s{n}" for n in range(10_000)]
    assert time.process_time() - started < 30


SCHEMAS: dict[str, Any] = {
    "circle": {"$ref": "#"},
    "two_files": {"$ref": "circle.json"},
    "deep": json.loads('{"items": ' * 200 + "{}" + "}" * 200),
    "bomb": {
        "$defs": {
            "d0": {"type": "string"},
            **{f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n - 1}"}, {"items": {"$ref": f"#/$defs/d{n - 1}"}}]}
               for n in range(1, 40)},
        },
        "$ref": "#/$defs/d39",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "reference",
    [
        *(f"{name}.json" for name in SCHEMAS),
        "../../etc/passwd", "/etc/passwd", "..", ".", "%2e%2e/%2e%2e/etc/passwd", "link.json", "loop.json",
        "file:///etc/passwd", "//example.com/x.json", "x" * 5000, "a\nb.json", "deep.json#/items/items/nope",
        "endless.json", "pipe.json",
    ],
)  # fmt: skip
def test_references_lead_nowhere_else(reference: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pgflowc.toml").write_text('package = "shop"\n', "utf-8")
    (tmp_path / "outside.json").write_text('{"type": "string"}', "utf-8")
    (project / "link.json").symlink_to(tmp_path / "outside.json")
    (project / "loop.json").symlink_to(project / "loop.json")
    (project / "endless.json").write_text("[" * 100_000, "utf-8")
    if hasattr(os, "mkfifo"):
        os.mkfifo(project / "pipe.json")
    for name, schema in SCHEMAS.items():
        (project / f"{name}.json").write_text(json.dumps(schema), "utf-8")
    spec = project / "f.yaml"
    spec.write_text(json.dumps({"flow": "f", "input": {"$ref": reference}, "steps": {"a": {}}}), "utf-8")
    started = time.process_time()
    report = Report()
    assert not check_sources(read_paths([str(spec)], report), report)
    (found,) = report.sorted()
    assert found.code.id in ("PGF312", "PGF313")
    assert found.span is not None
    assert time.process_time() - started < 10
