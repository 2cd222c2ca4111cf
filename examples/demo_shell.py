"""What the demo starts: pgflowc commands as one would type them, workers, and a local mail server."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

CHECKOUT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


class DemoError(Exception):
    """A step of the demo did not work; the text says which and where to look."""


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker; `log` is relative to the checkout."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def tail(self, lines: int = 10) -> str:
        """The end of its log."""
        return "\n".join((CHECKOUT / self.log).read_text("utf-8", "replace").splitlines()[-lines:])


class Shell:
    """Runs commands in the checkout, and shows each one before it does."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Whatever database the user works with, the demo keeps to its own.
        foreign = ("PG", "PGFLOWC_", "ARTICLES_", "SHOP_")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

    def run(self, *arguments: str) -> None:
        """Run `pgflowc` with its output on the screen. Raises DemoError if it fails."""
        self._show(arguments)
        self._call(arguments, capture=False)
        self._console.print()

    def ask(self, *arguments: str, show: bool = True) -> str:
        """Run `pgflowc` and return its output. Raises DemoError if it fails."""
        if show:
            self._show(arguments)
        return self._call(arguments, capture=True)

    @contextmanager
    def worker(self, project: str) -> Iterator[WorkerProcess]:
        """A worker process with its log in the project's .pgflowc; stopped as an operator would stop it."""
        arguments = ("run-worker", "--project", project)
        self._show((*arguments, "&"))
        path = Path(project, ".pgflowc", "worker.log")
        with (CHECKOUT / path).open("w") as log:
            process = subprocess.Popen(
                [BIN / "pgflowc", *arguments], cwd=CHECKOUT, env=self.environment, stdout=log, stderr=log
            )
            try:
                yield WorkerProcess(process, path)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()

    def _call(self, arguments: tuple[str, ...], *, capture: bool) -> str:
        sys.stdout.flush()
        done = subprocess.run(
            [BIN / "pgflowc", *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"`pgflowc {shlex.join(arguments)}` ended with exit code {done.returncode}")
        return done.stdout or ""

    def _show(self, arguments: tuple[str, ...]) -> None:
        line = " ".join(word if word == "&" else shlex.quote(word) for word in arguments)
        self._console.print(f"$ pgflowc {line}", style="bold cyan", markup=False, soft_wrap=True)


@contextmanager
def mail_server(inbox: Path) -> Iterator[str]:
    """A real SMTP server that delivers into the Maildir `inbox`; its address as host:port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    arguments = [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{address[1]}"]
    arguments += ["-c", "aiosmtpd.handlers.Mailbox", str(inbox)]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 10
            while not _listens(address):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise DemoError("the local mail server did not start")
                time.sleep(0.05)
            yield f"127.0.0.1:{address[1]}"
        finally:
            server.kill()


def _listens(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0
