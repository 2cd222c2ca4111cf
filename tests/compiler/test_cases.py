"""Golden diagnostics: faulty specs, the exact text that a user sees, and what `validate --fix` makes of them.

tests/cases/fault_<name>/ holds specs beside `diagnostics.txt`, and `fixed.yaml` (or `fixed_<spec>` where
there are several) where something can be fixed. The texts are written anew by
`PGFLOWC_UPDATE_CASES=1 pytest tests/compiler/test_cases.py`; read each as somebody who never saw the code.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pgflowc.compile import check_sources, fix_sources
from pgflowc.diagnostics import Code, Report, codes
from pgflowc.diagnostics.codes import files, types
from pgflowc.diagnostics.text import render

CASES = Path(__file__).parents[1] / "cases"
NAMES = sorted(case.name for case in CASES.glob("fault_*") if any(case.iterdir()))
UPDATE = os.environ.get("PGFLOWC_UPDATE_CASES") == "1"
# Root reads every file; and a class that is no model takes `--resolve`, which test_resolve.py tries.
ELSEWHERE = (files.UNREADABLE, types.NOT_A_MODEL)
CODES = [code for code in codes.ALL if code not in ELSEWHERE]


def _read(case: Path) -> dict[str, str]:
    """The specs of a case with their line breaks as they are."""
    specs = sorted(
        path
        for path in case.iterdir()
        if path.suffix in (".yaml", ".toml") and not path.name.startswith("fixed")
    )
    return {path.name: path.read_bytes().decode("utf-8") for path in specs}


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str) -> None:
    case = CASES / name
    sources = _read(case)
    report = Report()
    check_sources(sources, report)
    text = render(report.sorted(), sources, color=False, width=100)
    if UPDATE:
        (case / "diagnostics.txt").write_text(text, encoding="utf-8")
    assert text == (case / "diagnostics.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_fixed_is_fixed(name: str) -> None:
    case = CASES / name
    sources = _read(case)
    fixed = {path: text for path, text in fix_sources(sources).items() if text != sources[path]}
    targets = {
        path: case / (f"fixed_{path}" if len(sources) > 1 else f"fixed{Path(path).suffix}")
        for path in sources
    }
    if UPDATE:
        for path, target in targets.items():
            target.unlink(missing_ok=True)
            if path in fixed:
                target.write_bytes(fixed[path].encode("utf-8"))
    expected = {
        path: target.read_bytes().decode("utf-8") for path, target in targets.items() if target.exists()
    }
    assert fixed == expected
    assert fix_sources(fixed) == fixed


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.id)
def test_every_code_has_a_case(code: Code) -> None:
    patterns = ("fault_*/diagnostics.txt", "*/report.txt", "faults_of_files/*.txt", "breaking/*.txt")
    mark = f"{code.severity}[{code.id}]"
    goldens = [golden for pattern in patterns for golden in CASES.glob(pattern)]
    assert any(mark in golden.read_text(encoding="utf-8") for golden in goldens)
