"""The benchmark runs: a small round of what does not take long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "worker.py"


@pytest.mark.parametrize("title", ["5-step chain", "start to handler"])
def test_a_quick_round(title: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick", "--only", title],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert title in done.stdout
