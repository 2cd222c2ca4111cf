"""The benchmark runs: a small round of every row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sql.py"


def test_a_quick_round() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "start 1,000 runs" in done.stdout
    assert len(done.stdout.splitlines()) >= 12
