"""The user's project: its configuration and its files. Nothing else reads what a user wrote.

Whatever cannot be read is a Diagnostic, so that a directory in the place of a spec is reported beside the
mistakes in the other specs.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import files
from pgflowc.document import parse
from pgflowc.document.referred import (
    Module,
    Referred,
    Specs,
    files_in_schema,
    files_in_spec,
    modules_in_spec,
)
from pgflowc.document.source import Source
from pgflowc.settings import SUFFIXES, Settings, read_settings

CONFIG = "pgflowc.toml"
NO_SPECS = (CONFIG, "pyproject.toml")
MAX_BYTES = 8 * 1024 * 1024
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Enough to find modules to read; where a handler is written so that this misses it, it is just not checked.
_HANDLER = re.compile(r"""handler["']?\s*[:=]\s*["']?([A-Za-z_][\w.]*):""", re.ASCII)


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


def read_flows(project: Project, report: Report) -> Specs:
    """The project's specs by path relative to its root, sorted, with what they refer to."""
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
    texts = _read_all(((path, path.relative_to(project.root).as_posix()) for path in found), report)
    referred = _read_referred(texts, project.root, lambda _: _Area(project.root, project.source_dir))
    return Specs(texts, referred, project.settings.cron_target, project.settings.extra_modes)


def read_present(root: Path, patterns: Iterable[str], report: Report) -> dict[str, bytes]:
    """The files that match, by path relative to `root`; `Layout.inputs` says which compiling needs.

    They may be larger than specs: what compiling wrote for thousands of flows, it has to read again.
    """
    found = {path for pattern in patterns for path in root.glob(pattern)}
    present: dict[str, bytes] = {}
    for path in sorted(found):
        shown = path.relative_to(root).as_posix()
        content = _read_bytes(path, shown, report, limit=None)
        if content is not None:
            present[shown] = content
    return present


def neighbours(project: Project) -> tuple[str, ...]:
    """The names of modules and packages in the directory that holds the project's package, sorted."""
    found = set()
    with suppress(OSError), os.scandir(project.source_dir) as entries:
        for entry in entries:
            name = entry.name.removesuffix(".py")
            if name.isidentifier() and (name != entry.name or _has_modules(entry)):
                found.add(name)
    return tuple(sorted(found))


def _has_modules(entry: os.DirEntry[str]) -> bool:
    if not entry.is_dir():
        return False
    with os.scandir(entry) as below:
        return any(one.name.endswith(".py") for one in below)


def read_paths(paths: Sequence[str], report: Report) -> Specs:
    """The specs that a command line names, by path as given: files, directories (searched), patterns; with
    what they refer to. Each may refer to files of the project it lies in, or else of the directory that the
    command runs in, or its own.
    """
    found: dict[Path, str] = {}
    for given in paths:
        for path in _expand(given, report):
            found.setdefault(path.resolve(), os.path.normpath(path))
    texts = _read_all(found.items(), report)
    areas: dict[str, _Area] = {}
    settings = Settings()
    for path, shown in found.items():
        project = _project_around(path.parent)
        areas[shown] = _Area(project.root, project.source_dir) if project else _Area(_outermost(path), None)
        settings = project.settings if project else settings
    referred = _read_referred(texts, Path(), areas.__getitem__)
    return Specs(texts, referred, settings.cron_target, settings.extra_modes)


def read_text(path: Path, shown: str, report: Report) -> str | None:
    """The text of a file, line ends kept; None, and a diagnostic that calls it `shown`, if unreadable."""
    data = _read_bytes(path, shown, report)
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        report.add(_not_utf8(shown, data, error.start))
        return None


def _not_utf8(shown: str, data: bytes, offset: int) -> Diagnostic:
    name, encoding = ("UTF-16", "utf-16") if data[:2] in _UTF16_MARKS else ("Latin-1", "latin1")
    right = data[:offset].decode("utf-8")
    return Diagnostic(
        files.NOT_UTF8,
        f"the file is not encoded in UTF-8: byte 0x{data[offset]:02x}",
        Source(shown, f"{right}?").span(len(right), len(right) + 1),
        help=(f"save it as UTF-8; `iconv -f {encoding} -t utf-8 {shown}` prints it so if it is {name}",),
    )


@dataclass(frozen=True, slots=True)
class _Area:
    """What the `$ref` of a spec may lead to (resolved), and where the project's modules are."""

    limit: Path
    source_dir: Path | None


def _project_around(directory: Path) -> Project | None:
    """The project that the directory lies in; None if there is none, or its configuration is at fault."""
    for root in (directory, *directory.parents):
        if (root / CONFIG).is_file():
            return load_project(root, Report())
    return None


def _outermost(path: Path) -> Path:
    """The directory that a spec outside all projects may refer to files of."""
    here = Path.cwd().resolve()
    return here if path.is_relative_to(here) else path.parent


def _read_referred(texts: Mapping[str, str], base: Path, area_of: Callable[[str], _Area]) -> Referred:
    """What the specs refer to; their paths are relative to `base`.

    Nothing is reported here: whoever resolves a reference knows the place to point at.
    """
    files: dict[str, str] = {}
    faults: dict[str, str] = {}
    modules: dict[str, Module | None] = {}
    for shown, text in texts.items():
        area = area_of(shown)
        waiting: list[str] = []
        named = {found[1] for found in _HANDLER.finditer(text)}
        if "$ref" in text or "$python" in text:
            for document in parse(shown, text, Report()):
                waiting.extend(files_in_spec(document))
                named.update(modules_in_spec(document))
        while waiting:
            path = waiting.pop()
            if path in files or path in faults:
                continue
            content = _read_inside(base, path, area.limit)
            if isinstance(content, _Fault):
                faults[path] = content.reason
            else:
                files[path] = content
                waiting.extend(files_in_schema(path, content))
        for name in sorted(named - modules.keys()) if area.source_dir else ():
            assert area.source_dir is not None
            with suppress(LookupError):
                modules[name] = _read_module(area.source_dir, name, area.limit)
    return Referred(files, faults, modules)


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why a file has no text, as the end of a sentence that begins with its path."""

    reason: str


def _read_inside(base: Path, path: str, limit: Path) -> str | _Fault:
    """The text of a file that is not outside `limit`, symbolic links followed."""
    try:
        if not (base / path).resolve().is_relative_to(limit):
            return _Fault("is outside the project")
        faults = Report()
        text = read_text(base / path, path, faults)
    except (OSError, ValueError, RuntimeError):
        # Names that no file can have: too long, with a NUL, or a circle of symbolic links.
        return _Fault("does not exist")
    if text is not None:
        return text
    return _Fault(faults.sorted()[0].message.removeprefix(path).removeprefix("the file").strip())


def _read_module(source_dir: Path, name: str, limit: Path) -> Module | None:
    """A module below `source_dir`, without importing it; None if its package is there and it is not.

    Raises LookupError if the package is none of the project's, or the file cannot be read.
    """
    top = source_dir / name.split(".")[0]
    if not top.is_dir() and not top.with_suffix(".py").is_file():
        raise LookupError(name)
    stem = source_dir.joinpath(*name.split("."))
    for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
        if path.is_file():
            shown = path.relative_to(source_dir).as_posix()
            text = _read_inside(source_dir, shown, limit)
            if isinstance(text, _Fault):
                raise LookupError(name)
            return Module(shown, text)
    return Module(stem.relative_to(source_dir).as_posix(), "") if stem.is_dir() else None


def _read_bytes(path: Path, shown: str, report: Report, limit: int | None = MAX_BYTES) -> bytes | None:
    # What is no regular file is not opened: reading a pipe or a device might never end.
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            report.add(Diagnostic(files.NOT_A_FILE, f"{shown} is {kind}"))
            return None
        if limit is not None and found.st_size > limit:
            report.add(
                Diagnostic(files.TOO_LARGE, f"{shown} has {found.st_size} bytes, the limit is {limit}")
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
