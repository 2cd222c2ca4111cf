"""`pgflowc watch` as a process: what it does when files change, break, vanish and come in bursts."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SPEC = "flow: greet\ninput: {name: str}\nsteps:\n  hello: {output: str}\n"
DEADLINE_SECONDS = 30
# More of them, as PGFLOWC_WATCH_CHANGES=2000, are worth a try after changes of how files are watched.
CHANGES = int(os.environ.get("PGFLOWC_WATCH_CHANGES", "60"))


class Watcher:
    """A running `pgflowc watch`; `text` is all that it has said."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pgflowc", "watch", *arguments],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.text = ""
        self._seen = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line

    def says(self, words: str) -> None:
        """Wait until it says this, after what was waited for before."""
        until(lambda: words in self.text[self._seen :], f"{words!r} after:\n{self.text}")
        self._seen = self.text.index(words, self._seen) + len(words)

    def is_ready(self) -> None:
        """Wait until it watches again."""
        self.says("watching for changes")

    def stop(self) -> int:
        """Ctrl-C, and how it ended."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        return code

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail when it takes too long."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greet.yaml").write_text(SPEC)
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n')
    return tmp_path


@pytest.fixture
def watcher(root: Path) -> Iterator[Watcher]:
    watcher = Watcher(root)
    try:
        yield watcher
    finally:
        watcher.close()


def test_a_day_with_watch(root: Path, watcher: Watcher) -> None:
    watcher.says("created   shop/handlers/greet.py")
    watcher.says("the migrations are behind")
    watcher.is_ready()
    assert not (root / "migrations").exists()
    spec, handlers = root / "flows" / "greet.yaml", root / "shop" / "handlers" / "greet.py"

    # A step more.
    spec.write_text(SPEC + "  bye: {depends_on: [hello]}\n")
    watcher.says("changed: flows/greet.yaml")
    watcher.says("updated   shop/handlers/greet.py")
    watcher.is_ready()
    assert "async def bye" in handlers.read_text()

    # Mistakes are told, and nothing is written.
    spec.write_text(SPEC + "  bye: {depends_on: [helo]}\n")
    watcher.says("did you mean 'hello'")
    watcher.is_ready()
    spec.write_text("flow: [")
    watcher.says("error[PGF0")
    watcher.is_ready()
    assert "async def bye" in handlers.read_text()

    # Handlers are looked at, too.
    spec.write_text(SPEC)
    watcher.says("warning[PGF816]")
    watcher.is_ready()
    handlers.write_text("def broken(")
    watcher.says("error[PGF813]")
    watcher.is_ready()
    handlers.unlink()
    watcher.says("created   shop/handlers/greet.py")
    watcher.is_ready()

    # So is what specs refer to.
    spec.write_text(SPEC.replace("str}\n", "{$ref: ../name.json}}\n", 1))
    watcher.says("name.json")
    watcher.is_ready()
    (root / "name.json").write_text('{"type": "string"}')
    watcher.says("changed: name.json")
    watcher.is_ready()
    spec.write_text(SPEC)
    watcher.is_ready()

    # And the configuration.
    (root / "pgflowc.toml").write_text('package = "other"\n')
    watcher.says("created   other/registry.py")
    watcher.is_ready()
    (root / "pgflowc.toml").unlink()
    watcher.says("error[")
    watcher.is_ready()
    (root / "pgflowc.toml").write_text('package = "shop"\n')
    watcher.says("changed: pgflowc.toml")
    watcher.is_ready()

    # The directory may go and come back.
    spec.unlink()
    (root / "flows").rmdir()
    watcher.says("error[")
    watcher.is_ready()
    (root / "flows").mkdir()
    spec.write_text(SPEC.replace("greet", "again"))
    watcher.says("created   shop/_generated/again.py")
    watcher.is_ready()
    assert watcher.stop() == 0
    assert "Traceback" not in watcher.text


def test_a_burst_is_compiled_at_once_and_own_writing_is_no_change(root: Path, watcher: Watcher) -> None:
    watcher.is_ready()
    for number in range(40):
        (root / "flows" / f"f{number}.yaml").write_text(SPEC.replace("greet", f"f{number}"))
    watcher.says("created   shop/_generated/f39.py")
    watcher.is_ready()
    compiled = watcher.text.count("watching for changes")
    (root / "flows" / "greet.yaml").write_text(SPEC.replace("hello", "hullo"))
    watcher.says("updated   shop/handlers/greet.py")
    watcher.is_ready()
    assert watcher.stop() == 0
    # One more at most, for the file whose last byte came while it was read.
    assert watcher.text.count("watching for changes") <= compiled + 2
    assert compiled <= 5


def test_an_editor_may_empty_a_file_before_it_writes_it(root: Path, watcher: Watcher) -> None:
    watcher.is_ready()
    handlers = root / "shop" / "handlers" / "greet.py"
    with handlers.open("w") as file:
        file.flush()
        # Longer than the watcher waits for files to be still; it must not take the file for an empty one.
        time.sleep(0.7)
        file.write("def hello(input, ctx): ...  # mine\n")
    watcher.says("changed: shop/handlers/greet.py")
    watcher.is_ready()
    assert handlers.read_text() == "def hello(input, ctx): ...  # mine\n"
    assert "updated   shop/handlers/greet.py" not in watcher.text


def test_no_change_is_missed_and_no_byte_lost(root: Path, watcher: Watcher) -> None:
    """Files are written in place and renamed over, at any moment, also while the watcher compiles."""
    watcher.is_ready()
    chance = random.Random(CHANGES)
    spec, handlers = root / "flows" / "greet.yaml", root / "shop" / "handlers" / "greet.py"
    mine = ""
    for number in range(CHANGES):
        if chance.random() < 0.5:
            text = SPEC + "".join(
                f"  step_{chance.randrange(9)}_{n}: {{}}\n" for n in range(chance.randrange(3))
            )
            _save(spec, text, chance)
        else:
            assert handlers.read_text().startswith(mine)
            mine = f"# mine, for the {number}. time\n"
            _save(handlers, mine, chance)
            # What was there before may be seen for a moment, while it comes out and goes back.
            until(lambda mine=mine: handlers.read_text().startswith(mine), f"{mine!r} after:\n{watcher.text}")
        time.sleep(chance.choice((0, 0, 0.0003, 0.01, chance.random() / 5)))
    _save(spec, SPEC + "  last_step: {}\n", chance)
    until(lambda: "async def last_step" in handlers.read_text(), f"the last step after:\n{watcher.text}")
    assert handlers.read_text().startswith(mine)
    _save(handlers, "# the end\n", chance)
    until(lambda: "async def last_step" in handlers.read_text(), f"the end after:\n{watcher.text}")
    assert handlers.read_text().startswith("# the end\n")
    assert watcher.stop() == 0
    assert "Traceback" not in watcher.text


def _save(path: Path, text: str, chance: random.Random) -> None:
    """Save a file as editors do: by writing it anew, with pauses, or by another file in its place."""
    if chance.random() < 0.5:
        with path.open("w") as file:
            time.sleep(chance.choice((0, 0.001, 0.02, 0.08)))
            file.write(text)
    else:
        other = path.with_name(f".{path.name}.new")
        other.write_text(text)
        other.replace(path)


def test_migrations_are_written_if_wanted(root: Path) -> None:
    watcher = Watcher(root, "--migrations")
    try:
        watcher.says("created   migrations/0001_create_greet.sql")
        watcher.is_ready()
        assert (root / "pgflowc.lock").exists()
        assert watcher.stop() == 0
    finally:
        watcher.close()
