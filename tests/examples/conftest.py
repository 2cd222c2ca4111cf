"""The examples, run in place and by the command line, against a fresh database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PGFLOWC = Path(sys.executable).with_name("pgflowc")
RUN_SECONDS = 60


@dataclass(frozen=True)
class Example:
    """One of the projects in examples/, and the environment of its commands."""

    directory: Path
    environment: dict[str, str]
    log: Path

    def pgflowc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the project's directory; with `check` it has to end well."""
        done = subprocess.run(
            [PGFLOWC, *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS + 30,
        )
        if check:
            assert done.returncode == 0, f"pgflowc {arguments}\n{done.stdout}\n{done.stderr}"
        return done

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A worker process, which has to end well when it is told to stop. Failures come with its log."""
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [PGFLOWC, "run-worker"], cwd=self.directory, env=self.environment, stderr=log
            )
            try:
                yield
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
            except BaseException as error:
                error.add_note(f"The worker's log:\n{self.log.read_text()}")
                raise
            finally:
                process.kill()
                process.wait()

    def run(self, flow: str, value: object) -> dict[str, Any]:
        """Start a run and wait until it has ended, well or not: what `pgflowc start --wait --json` prints."""
        wait = ("--wait", "--timeout", str(RUN_SECONDS), "--json")
        done = self.pgflowc("start", flow, "--input", json.dumps(value), *wait, check=False)
        assert done.returncode in (0, 1), done.stderr
        return dict(json.loads(done.stdout))


@pytest.fixture
def migrated(core_dsn: str, tmp_path: Path) -> Callable[..., Example]:
    """`migrated(name, VARIABLE=value)`: that example, after `pgflowc db up` on a fresh database."""

    def prepare(name: str, **variables: str) -> Example:
        foreign = ("PG", "PGFLOWC_", "ARTICLES_", "SHOP_")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        environment = {**inherited, "PGFLOWC_DSN": core_dsn, **variables}
        example = Example(EXAMPLES / name, environment, tmp_path / "worker.log")
        example.pgflowc("db", "up", "--dsn", core_dsn)
        return example

    return prepare
