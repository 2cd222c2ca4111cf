"""README.md and docs/ are executed: their files are written, their commands run, their output compared.

A comment in front of a code block says what the block is:

    <!-- file: PATH -->              the reader writes this file
    <!-- replace: PATH OLD NEW -->   the reader edits this file (stands alone)
    <!-- part: PATH -->              these lines are in that file, in one piece, when the page is done
    <!-- exit: N -->                 the last command of the block ends with this code
    <!-- not run: REASON -->

Other blocks of the language `console` are run: `$ ` begins a command, what follows is its output and errors.
Ids and times may differ from what the page shows. Commands that end in `&` run until the end of the page.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import COMMANDS, build

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>file|part|exit|not run): (?P<value>[^\n]*) -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
REPLACE = re.compile(r"^<!-- replace: (\S+) (\S+) (\S+) -->$", re.M)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
VARIES = (
    (UUID, "ID"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s)\b"), "TIME"),
    (re.compile(r"postgresql://\S*"), "DSN"),
    (re.compile(r"(?<= )/\S*/postgres\b"), "DATA"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?\S*"), "WHEN"),
    (re.compile(r"PostgreSQL \d+(\.\d+)*"), "SERVER"),
    (re.compile(r"(pgmq +(?:installed version )?)\d+(\.\d+)+"), r"\1VERSION"),
    (re.compile(r"[ ─━]{2,}"), " "),
)


@dataclass(frozen=True)
class Block:
    """A code block and the comment in front of it."""

    mark: str
    value: str
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """The code blocks of a page of the checkout, and its replacements, in order."""
    text = (CHECKOUT / page).read_text("utf-8")
    found = [
        (match.start(), Block(match["mark"] or "", match["value"] or "", match["language"], match["text"]))
        for match in BLOCK.finditer(text)
    ]
    found += [
        (match.start(), Block("replace", match[0].split(": ", 1)[1].removesuffix(" -->"), "", ""))
        for match in REPLACE.finditer(text)
    ]
    return [block for _, block in sorted(found, key=lambda pair: pair[0])]


class Reader:
    """Somebody who does what a page says, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        foreign = ("PG", "PGFLOWC_", "COLUMNS")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self._environment = {**inherited, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        self._background: list[subprocess.Popen[bytes]] = []
        self._parts: list[tuple[Path, str]] = []

    def follow(self, block: Block) -> None:
        """Do what the block says, and compare what it shows."""
        target = self.directory / block.value.split(" ")[0]
        match block.mark:
            case "file":
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text, "utf-8")
            case "replace":
                _, old, new = block.value.split(" ")
                before = target.read_text("utf-8")
                assert before.count(old) == 1
                target.write_text(before.replace(old, new), "utf-8")
            case "part":
                self._parts.append((target, block.text))
            case "" | "exit" if block.language == "console":
                self._console(block.text, int(block.value or 0))
            case "not run":
                pass
            case _:
                assert block.language in ("mermaid", "text"), (
                    f"nothing is known about this block:\n{block.text}"
                )

    def finish(self) -> None:
        """Compare the parts of files that the page shows, perhaps before the command that writes them."""
        for path, text in self._parts:
            assert text.strip()
            assert text in path.read_text("utf-8")

    def stop(self) -> None:
        """Leave nothing behind."""
        while self._background:
            self._kill()
        if (self.directory / ".pgflowc").exists():
            self._shell("pgflowc db down --delete")

    def _kill(self) -> None:
        """End what was started last; a worker has to end well."""
        process = self._background.pop()
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0

    def _console(self, text: str, exit_code: int) -> None:
        parts = re.split(r"^\$ ", text, flags=re.M)[1:]
        for number, part in enumerate(parts, 1):
            command, _, expected = part.partition("\n")
            if command.endswith("&"):
                self._background.append(
                    subprocess.Popen(
                        f"exec {command.removesuffix('&')}",
                        shell=True,
                        cwd=self.directory,
                        env=self._environment,
                        stderr=subprocess.DEVNULL,
                        start_new_session=True,
                    )
                )
                continue
            if command == "kill %1":
                self._kill()
                continue
            done = self._shell(command)
            output = done.stdout
            wanted_code = exit_code if number == len(parts) else 0
            assert done.returncode == wanted_code, f"$ {command}\n{output}"
            assert normal(output) == normal(expected), f"$ {command}\n{output}"
            if found := UUID.search(output):
                self._environment["RUN_ID"] = found[0]

    def _shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            shell=True,
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
        )


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    one = Reader(tmp_path)
    yield one
    one.stop()


def normal(output: str) -> list[str]:
    """Output without what differs from run to run."""
    for pattern, name in VARIES:
        output = pattern.sub(name, output)
    return [line.rstrip() for line in output.strip().splitlines()]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/getting-started.md",
        "docs/validating.md",
        "docs/database.md",
        "docs/changing-flows.md",
        "docs/ci.md",
        "docs/diff.md",
        "docs/pull.md",
        "docs/cron.md",
        "examples/articles/README.md",
    ],
)
def test_page_does_what_it_says(page: str, reader: Reader) -> None:
    if page.startswith("examples/"):
        ignored = shutil.ignore_patterns(".pgflowc", "__pycache__")
        shutil.copytree((CHECKOUT / page).parent, reader.directory, ignore=ignored, dirs_exist_ok=True)
    for block in blocks(page):
        reader.follow(block)
    reader.finish()


def test_every_example_of_the_language_compiles(tmp_path: Path) -> None:
    pages = ("docs/spec.md", "docs/jobs.md")
    examples = [block for page in pages for block in blocks(page) if block.language in ("yaml", "toml")]
    assert len(examples) >= 7
    for number, block in enumerate(examples):
        project = tmp_path / f"project{number}"
        (project / "flows").mkdir(parents=True)
        (project / "pgflowc.toml").write_text('package = "app"\n')
        (project / "flows" / f"example.{block.language}").write_text(block.text, "utf-8")
        words = ["compile", "--project", str(project)]
        compiled = CliRunner().invoke(build(words), words)
        assert compiled.exit_code == 0, block.text + compiled.output
        loading = [sys.executable, "-W", "error", "-c", "import app.registry"]
        loaded = subprocess.run(loading, cwd=project, capture_output=True, text=True)
        assert loaded.returncode == 0, block.text + loaded.stderr


def test_readme_names_every_command() -> None:
    text = (CHECKOUT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `pgflowc ([a-z -]+?)(?: [A-Z[].*?)?` \|", text, re.M)
    assert {row.split(" ")[0] for row in rows} == {command.name for command in COMMANDS}
    for row in rows:
        words = [*row.split(" "), "--help"]
        assert CliRunner().invoke(build(words), words).exit_code == 0, row


def test_make_targets_that_the_pages_name_exist() -> None:
    makefile = (CHECKOUT / "Makefile").read_text("utf-8")
    for page in ("README.md", "CONTRIBUTING.md", "examples/articles/README.md", "examples/orders/README.md"):
        for target in re.findall(r"^\$ make (\w+)|`make (\w+)`", (CHECKOUT / page).read_text("utf-8"), re.M):
            assert f"\n{''.join(target)}:" in makefile, page


def test_links_between_pages_lead_somewhere() -> None:
    pages = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *(CHECKOUT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
