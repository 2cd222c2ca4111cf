"""The user's project: its configuration and its files. Nothing else reads what a user wrote.

Whatever cannot be read is a Diagnostic, so that a directory in the place of a spec is reported beside the
mistakes in the other specs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import files
from pgflowc.document import parse
from pgflowc.settings import SUFFIXES, Settings, read_settings

CONFIG = "pgflowc.toml"
NO_SPECS = (CONFIG, "pyproject.toml")
MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Project:
    """A directory with a `pgflowc.toml`: `root` is absolute."""

    root: Path
    settings: Settings

    @property
    def package(self) -> str | None:
        """The package to write to; None when not configured, which only `compile` minds."""
        return self.settings.package

    @property
    def dsn(self) -> str | None:
        """The configured database; None when not configured."""
        return self.settings.dsn

    @property
    def source_dir(self) -> Path:
        """The directory to put on `sys.path` in order to import `package`."""
        return self.root / self.settings.source_dir

    @property
    def migrations_dir(self) -> Path:
        """The directory of the migrations."""
        return self.root / self.settings.migrations_dir


def load_project(root: Path, report: Report) -> Project | None:
    """The project in `root`; None, and a diagnostic, when it has no usable `pgflowc.toml`."""
    root = root.resolve()
    if not (root / CONFIG).exists():
        report.add(
            Diagnostic(
                files.NO_PROJECT,
                f"there is no {CONFIG} in {root}",
                help=(
                    f'change to a project\'s directory, or create {CONFIG}, with the line: package = "shop"',
                ),
            )
        )
        return None
    text = read_text(root / CONFIG, CONFIG, report)
    if text is None:
        return None
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        return Project(root, Settings())
    faults = Report()
    settings = [read_settings(root, document, faults) for document in parse(CONFIG, text, faults)]
    report.extend(faults.sorted())
    return None if faults.has_errors else Project(root, settings[0])


def read_flows(project: Project, report: Report) -> dict[str, str]:
    """The texts of the project's specs by path relative to its root, sorted."""
    found: set[Path] = set()
    for pattern in project.settings.flows:
        found.update(path for path in project.root.glob(pattern) if not _is_hidden(path, project.root))
    if not found:
        report.add(
            Diagnostic(
                files.NO_MATCH,
                f"no file in {project.root} matches {', '.join(project.settings.flows)}",
                help=("write a spec there, or name other patterns in pgflowc.toml: flows = [...]",),
            )
        )
    return _read_all(((path, path.relative_to(project.root).as_posix()) for path in found), report)


def read_present(root: Path, patterns: Iterable[str], report: Report) -> dict[str, bytes]:
    """The files that match, by path relative to `root`; `Layout.inputs` says which compiling needs."""
    found = {path for pattern in patterns for path in root.glob(pattern)}
    present: dict[str, bytes] = {}
    for path in sorted(found):
        shown = path.relative_to(root).as_posix()
        content = _read_bytes(path, shown, report)
        if content is not None:
            present[shown] = content
    return present


def read_paths(paths: Sequence[str], report: Report) -> dict[str, str]:
    """The texts of what a command line names, by path as given: files, directories (searched), patterns."""
    found: dict[Path, str] = {}
    for given in paths:
        for path in _expand(given, report):
            found.setdefault(path.resolve(), os.path.normpath(path))
    return _read_all(found.items(), report)


def read_text(path: Path, shown: str, report: Report) -> str | None:
    """The text of a file, line ends kept; None, and a diagnostic that calls it `shown`, if unreadable."""
    data = _read_bytes(path, shown, report)
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        report.add(
            Diagnostic(
                files.NOT_UTF8,
                f"{shown} is not encoded in UTF-8: byte 0x{data[error.start]:02x} in line {line}",
                help=(f"save it as UTF-8; `iconv -f latin1 -t utf-8 {shown}` prints it so if it is Latin-1",),
            )
        )
        return None


def _read_bytes(path: Path, shown: str, report: Report) -> bytes | None:
    # What is no regular file is not opened: reading a pipe or a device might never end.
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            report.add(Diagnostic(files.NOT_A_FILE, f"{shown} is {kind}"))
            return None
        if found.st_size > MAX_BYTES:
            report.add(
                Diagnostic(files.TOO_LARGE, f"{shown} has {found.st_size} bytes, the limit is {MAX_BYTES}")
            )
            return None
        return path.read_bytes()
    except FileNotFoundError:
        report.add(Diagnostic(files.MISSING, f"{shown} does not exist"))
    except OSError as error:
        report.add(Diagnostic(files.UNREADABLE, f"{shown} cannot be read: {error.strerror or error}"))
    return None


def _read_all(files_and_names: Iterable[tuple[Path, str]], report: Report) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path, shown in sorted(files_and_names, key=lambda pair: pair[1]):
        text = read_text(path, shown, report)
        if text is not None:
            texts[shown] = text
    return texts


def _expand(given: str, report: Report) -> list[Path]:
    path = Path(given)
    if path.is_dir():
        files_below = (file for file in path.rglob("*") if not _is_hidden(file, path))
        found = [file for file in files_below if file.suffix in SUFFIXES and file.name not in NO_SPECS]
        problem = f"the directory {given} holds no file that ends in {', '.join(SUFFIXES)}"
    elif has_magic(given) and not path.exists():
        anchor = Path(path.anchor)
        found = [file for file in anchor.glob(str(path.relative_to(anchor))) if not file.name.startswith(".")]
        problem = f"no file matches {given}"
    else:
        return [path]
    if not found:
        report.add(Diagnostic(files.NO_MATCH, problem))
    return found


def _is_hidden(path: Path, root: Path) -> bool:
    """Whether a name below `root` begins with a dot: editors and virtual environments keep such files."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)
