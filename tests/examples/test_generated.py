"""The examples' committed files are what the compiler writes, and type-check with the handlers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize("name", ["approvals", "articles", "nightly", "orders"])
def test_generated_files_are_current(name: str) -> None:
    done = subprocess.run(
        [BIN / "pgflowc", "compile", "--check"],
        cwd=CHECKOUT / "examples" / name,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "package"),
    [("approvals", "buying"), ("articles", "articles"), ("nightly", "meters"), ("orders", "shop")],
)
def test_mypy_accepts_the_application(name: str, package: str, tmp_path: Path) -> None:
    done = mypy(CHECKOUT / "examples" / name, package, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_finds_a_wrong_payload_field(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from shop._generated.process_order import ChargeDeps\n"
        "def total(deps: ChargeDeps) -> str:\n"
        "    return deps.validate.totl\n"
    )
    done = mypy(CHECKOUT / "examples" / "orders", "wrong", tmp_path, str(tmp_path))
    assert done.returncode == 1
    assert 'wrong.py:3: error: "ValidateOutput" has no attribute "totl"; maybe "total"?' in done.stdout


def mypy(directory: Path, package: str, cache: Path, *path: str) -> subprocess.CompletedProcess[str]:
    """`mypy --strict` over a package of an example, with the runtime's own types."""
    places = (str(directory), str(CHECKOUT / "runtime"), *path)
    return subprocess.run(
        [BIN / "mypy", "--strict", "--config-file", "", "--cache-dir", cache / "cache", "-p", package],
        cwd=cache,
        env={**os.environ, "MYPYPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
    )
