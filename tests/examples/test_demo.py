"""`make demo`, on a copy of the examples, so that a demo of the developer's own is left alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PGFLOWC = Path(sys.executable).with_name("pgflowc")


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A directory with a copy of examples/; its servers are stopped and removed afterwards."""
    ignored = shutil.ignore_patterns(".pgflowc", "__pycache__")
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=ignored)
    yield tmp_path
    for state in (tmp_path / "examples").glob("*/.pgflowc"):
        subprocess.run([PGFLOWC, "db", "down", "--delete", "--project", state.parent], check=True)


def test_demo_runs_from_specs_to_results_and_runs_again(checkout: Path) -> None:
    first = demo(checkout)
    assert "27 rows in the table articles" in first
    assert "order 1002: ● charge (attempt 1 of 5; last error: shop.payments.GatewayError" in first
    assert "order 1002: ✔ charge (attempt 3)" in first
    assert first.count("delivered over SMTP") == 2
    assert "Subject: Your order 1001" in first

    second = demo(checkout)
    assert "Subject: Your order 1003" in second
    assert second.count("delivered over SMTP") == 2

    for line in next_commands(second):
        done = subprocess.run(line, shell=True, cwd=checkout, capture_output=True, text=True)
        assert done.returncode == 0, line + done.stdout + done.stderr


def test_demo_says_where_it_failed(checkout: Path) -> None:
    spec = checkout / "examples/orders/flows/process_order.yaml"
    spec.write_text(spec.read_text().replace("depends_on: [validate]", "depends_on: [validte]"))
    done = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=checkout, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "did you mean 'validate'" in done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == "The demo failed: `pgflowc compile --project examples/orders` ended with exit code 1"


def demo(checkout: Path) -> str:
    """Run the demo; what it printed."""
    done = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=checkout, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def next_commands(output: str) -> list[str]:
    """The commands that the demo proposes at its end, except the one of the Makefile."""
    proposed = re.findall(r"^  (\S*pgflowc .*)$", output.partition("Next: try")[2], re.MULTILINE)
    assert len(proposed) >= 3
    return proposed
