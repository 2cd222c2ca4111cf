"""Whatever flow passes the checks: its Python runs, linters accept it, compiling again changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pgflowc.compile import Compilation, compile_sources
from pgflowc.render import Layout
from pgflowc_runtime import Flow


def _words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


# Words that names of ours, of Python or of pydantic might clash with, beside arbitrary ones.
clashing = _words("""
    a A b_c bC _a __a l I class match type print list str int dict date None X field default copy json
    Flow Step Payload Context Field Annotated Literal Final JsonValue Decimal UUID NoneType TypeAlias dt
    model_dump Registry AOutput ADeps AHandler AItem aOutput a_output F FInput FHandlers registry __init__
""")
slugs = clashing | st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,12}", fullmatch=True)
scalars = _words("str int float bool decimal date datetime time uuid bytes json null")
keys = slugs | st.sampled_from(["a-b", "a b", "ü", "1", "-", "é'\"\\", "a.b"])
types = st.recursive(
    scalars
    | st.lists(st.sampled_from(["x", "y", 1, True, None, '"']), min_size=1, unique_by=repr).map(
        lambda values: {"$enum": values}
    ),
    lambda inner: st.lists(inner, min_size=1, max_size=1) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    """A spec as data; JSON is YAML."""
    names = draw(st.lists(slugs, min_size=1, max_size=5, unique_by=str.lower))
    steps: dict[str, Any] = {}
    for place, name in enumerate(names):
        earlier = names[:place]
        arrays = [slug for slug in earlier if isinstance(steps[slug].get("output"), list)]
        step: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {},
                    {"description": 'x"""\\'},
                    {"when_exhausted": "skip"},
                    {"isolation": "process", "timeout": "1h"},
                ]
            )
        ).copy()
        if arrays and draw(st.booleans()):
            step["map"] = draw(st.sampled_from(arrays))
        elif earlier:
            step["depends_on"] = draw(st.lists(st.sampled_from(earlier), unique=True))
        if draw(st.booleans()):
            step["output"] = draw(types)
        steps[name] = step
    spec: dict[str, Any] = {"flow": draw(st.sampled_from(["f", "F", "class", "registry", "a", "__init__"]))}
    if draw(st.booleans()):
        spec["input"] = draw(types)
    named = draw(
        st.dictionaries(st.sampled_from(["T", "Flow", "AOutput", "F", "FInput", "A"]), types, max_size=2)
    )
    if named:
        spec["types"] = named
        steps[names[0]]["output"] = dict.fromkeys(("x", "y"), next(iter(named)))
    return {**spec, "steps": steps}


@given(flows())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_generated_modules_run(spec: dict[str, Any]) -> None:
    compilation = _compile(spec)
    for path, text in compilation.rendered.files.items():
        if "/_generated/" in path and not path.endswith("__init__.py"):
            # Dataclasses and forward references look their module up.
            module = sys.modules["generated"] = ModuleType("generated")
            exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
            flow = next(value for value in vars(module).values() if isinstance(value, Flow))
            assert {step.slug for step in flow.steps} == set(spec["steps"])
            for step in flow.steps:
                TypeAdapter(step.output)
                TypeAdapter(step.argument)
    present = {path: text.encode() for path, text in compilation.rendered.files.items()}
    assert compile_sources({"f.yaml": json.dumps(spec)}, Layout("shop"), present).rendered.files.items() <= (
        compilation.rendered.files.items()
    )


def test_linters_and_type_checkers_accept_any_flow(tmp_path: Path) -> None:
    packages: list[str] = []

    @given(flows())
    @settings(max_examples=40, deadline=None, database=None, derandomize=True)
    def collect(spec: dict[str, Any]) -> None:
        name = f"case{len(packages)}"
        for path, text in _compile(spec, name).rendered.files.items():
            if path.endswith(".py"):
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(text, encoding="utf-8")
        packages.append(name)

    collect()
    for command in (
        ["ruff", "check", "--isolated", "--no-cache", "--extend-select=I,UP", "."],
        ["ruff", "format", "--isolated", "--no-cache", "--diff", "."],
        ["mypy", "--strict", "--config-file=", "--cache-dir=.cache", *(f"-p{name}" for name in packages)],
    ):
        done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def _compile(spec: dict[str, Any], package: str = "shop") -> Compilation:
    compilation = compile_sources({"f.yaml": json.dumps(spec)}, Layout(package), {})
    assume(not compilation.failed)
    return compilation
