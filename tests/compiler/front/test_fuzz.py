"""Specs that somebody broke, byte by byte or branch by branch: each ends in flows or in findings with a
place, soon, and never in a traceback.

The suite tries some thousand. To try more, with other random numbers each time:

    python tests/compiler/front/test_fuzz.py 100000
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pgflowc.compile import check_sources, compile_sources, fix_sources
from pgflowc.diagnostics import Diagnostic, Report, Severity, Span, github, json_report, sarif
from pgflowc.diagnostics.lines import lines_of
from pgflowc.diagnostics.text import render
from pgflowc.render import Layout

ROOT = Path(__file__).parents[3]
PATTERNS = (
    "tests/cases/*/flows/*.yaml", "tests/cases/*/flows/*.toml", "tests/cases/fault_*/*.yaml",
    "tests/cases/fault_*/*.toml", "examples/*/flows/*",
)  # fmt: skip
SPECS = [
    (path.suffix, path.read_bytes().decode("utf-8"))
    for pattern in PATTERNS
    for path in sorted(ROOT.glob(pattern))
    if path.stat().st_size < 20_000
]
PIECES = (
    *"[]{}:,-?&*!|>'\"%@`#\t\n \r\\~=.$",
    "---\n", "...\n", "<<: *x", "!!str ", "\u2028", "\x00", "\ufeff", "é", "支", "null", "map of ", "$enum",
    "- ", ": ",
    "'''", '"""', "[[a]]\n", "steps:", "depends_on: [a]", "1e999", "\n  ", "\\ud800", "if: {a: 1}",
    "9" * 30, "# pgflowc: ignore[PGF405]", "# pgflowc: ignore[", "$ref", "$python", "cron: '* * * * *'",
    "  #",
)  # fmt: skip
SECONDS = 2.0
LAYOUT = Layout("shop", ".", "migrations")


def check(path: str, text: str) -> None:
    """Whatever the text: findings lie within it, renderers and fixes bear it, and it does not take long."""
    started = time.process_time()
    report = Report()
    flows = check_sources({path: text}, report)
    found = report.sorted()
    lines = lines_of(text)
    for span in _spans(found):
        assert span.path == path
        assert 1 <= span.start.line <= len(lines)
        assert 1 <= span.start.column <= len(lines[span.start.line - 1]) + 1
        assert span.start <= span.end
        assert span.end.line <= len(lines) + 1
    assert flows or found
    sources = {path: text}
    shown = render(found, sources, color=True, width=80)
    assert not set("\x00\r\u2028\u202e") & set(shown)
    json.loads(json_report.render(found, sources, tool_version="1"))
    json.loads(sarif.render(found, tool_version="1"))
    assert github.render(found).count("\n") == len(found)
    if any(one.fix and one.fix.certain for one in found):
        mended = fix_sources(sources)
        assert fix_sources(mended) == mended
    if flows and not report.has_errors:
        compiled = compile_sources(sources, LAYOUT, {})
        assert compiled.failed == any(one.severity is Severity.ERROR for one in compiled.diagnostics)
    seconds = time.process_time() - started
    assert seconds < SECONDS, f"{seconds:.1f} s"


def _spans(found: tuple[Diagnostic, ...]) -> Iterator[Span]:
    for one in found:
        assert one.span is not None
        yield one.span
        yield from (label.span for label in one.labels)
        yield from (edit.span for edit in (one.fix.edits if one.fix else ()))


@st.composite
def cut_specs(draw: st.DrawFn) -> tuple[str, str]:
    """A spec with pieces cut out and others put in."""
    suffix, text = draw(st.sampled_from(SPECS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 20, len(text))))
        text = text[:start] + draw(st.sampled_from(PIECES)) + text[end:]
    return f"flow{suffix}", text


def _trees() -> list[Any]:
    trees = []
    for suffix, text in SPECS:
        if suffix == ".toml" or len(text) > 3000:
            continue
        try:
            trees += [tree for tree in YAML(typ="safe", pure=False).load_all(text) if isinstance(tree, dict)]
        except (YAMLError, ValueError):
            continue
    return trees


def _branches(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in the tree with each of its keys or indexes."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _branches(tree[key])


TREES = [json.dumps(tree, default=str) for tree in _trees()]
BRANCHES = sorted(
    {json.dumps(parent[key], default=str) for tree in TREES for parent, key in _branches(json.loads(tree))}
)
KEYS = sorted({key for tree in TREES for parent, key in _branches(json.loads(tree)) if isinstance(key, str)})
ODD = [
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    '""',
    "[]",
    "{}",
    '"x"',
    '"$input"',
    '"5m"',
    '["a", "a"]',
    '{"$enum": [1]}',
    '"[T] | null"',
]


@st.composite
def grown_specs(draw: st.DrawFn) -> tuple[str, str]:
    """A spec with branches cut off, renamed, copied elsewhere, or grafted from another spec."""
    tree = json.loads(draw(st.sampled_from(TREES)))
    for _ in range(draw(st.integers(1, 4))):
        branches = list(_branches(tree))
        if not branches:
            break
        parent, key = branches[draw(st.integers(0, len(branches) - 1))]
        graft = draw(st.sampled_from(BRANCHES) | st.sampled_from(ODD))
        match draw(st.sampled_from(["replace", "remove", "rename", "add", "wrap"])):
            case "replace":
                parent[key] = json.loads(graft)
            case "remove":
                del parent[key]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from(KEYS))] = parent.pop(key)
            case "add" if isinstance(parent, dict):
                parent[draw(st.sampled_from(KEYS))] = json.loads(graft)
            case "add" | "rename":
                parent.append(json.loads(graft))
            case _:
                parent[key] = [parent[key]]
    return "flow.yaml", json.dumps(tree, ensure_ascii=False, indent=draw(st.sampled_from([None, 2])))


@settings(max_examples=1200, deadline=None, derandomize=True, phases=[Phase.generate])
@given(cut_specs())
def test_specs_with_other_bytes(spec: tuple[str, str]) -> None:
    check(*spec)


@settings(max_examples=900, deadline=None, derandomize=True, phases=[Phase.generate])
@given(grown_specs())
def test_specs_with_other_branches(spec: tuple[str, str]) -> None:
    check(*spec)


def main(number: int) -> None:
    """Try that many specs of each kind, half of them with other bytes, half with other branches."""
    for strategy in (cut_specs(), grown_specs()):

        def attempt(spec: tuple[str, str]) -> None:
            check(*spec)

        several = settings(
            max_examples=number // 2,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        )
        run: Callable[[], None] = several(given(strategy)(attempt))
        started = time.monotonic()
        run()
        print(f"{number // 2} specs in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
