"""Reads a parsed `pgflowc.toml`: every fault is reported at its place."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pgflowc.diagnostics import Diagnostic, Report, Span
from pgflowc.diagnostics.codes import files
from pgflowc.document import Document, Mapping, Node, Refused, Scalar, Sequence
from pgflowc.document.referred import EXTRA_MODES, CronTarget, ExtraMode, ExtraModes
from pgflowc_language.words import near_miss

MigrationFormat = Literal["plain", "supabase", "dbmate", "alembic"]
FORMATS: tuple[MigrationFormat, ...] = get_args(MigrationFormat)
SUFFIXES = (".yaml", ".yml", ".toml")
DEFAULT_FLOWS = ("flows/*.yaml", "flows/*.yml", "flows/*.toml")


@dataclass(frozen=True, slots=True)
class BreakingSettings:
    """`[breaking]`: names of categories and rules, and patterns of paths, as `pgflowc breaking` has them."""

    use: tuple[str, ...] | None = None
    except_: tuple[str, ...] = ()
    warn: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What `pgflowc.toml` says, with defaults. Directories are relative to the project, in POSIX form.

    `cron_target` is `[target] cron`: who starts the runs of schedules. `extra_modes` is
    `[payloads] extra_fields`: what happens to fields that types do not name.
    """

    package: str | None = None
    flows: tuple[str, ...] = DEFAULT_FLOWS
    source_dir: str = "."
    migrations_dir: str = "migrations"
    migrations_format: MigrationFormat = "plain"
    dsn: str | None = None
    cron_target: CronTarget = "auto"
    breaking: BreakingSettings = BreakingSettings()
    extra_modes: ExtraModes = EXTRA_MODES


_LONGEST_PACKAGE = 40
_OUR_PACKAGES = ("pgflowc", "pgflowc_runtime")
# Tables of pgflowc.toml and the settings in them; all others stand at the top. What is in `worker` is read,
# and judged, by the worker.
TABLES: dict[str, tuple[str, ...] | None] = {
    "target": ("cron",),
    "payloads": ("extra_fields",),
    "breaking": ("use", "except", "warn", "ignore"),
    "worker": None,
}
NAMES = (
    *(
        name
        for name in Settings.__dataclass_fields__
        if name not in ("cron_target", "extra_modes", "breaking")
    ),
    *TABLES,
)
_EXTRA_FIELDS = ("payloads", "extra_fields")
EXTRA_WORDS: tuple[ExtraMode, ...] = get_args(ExtraMode)
CRON_TARGETS: tuple[CronTarget, ...] = ("auto", "worker", "pg_cron")


def read_settings(root: Path, document: Document, report: Report) -> Settings:
    """The settings of the project in `root`; those with faults are reported and have their defaults."""
    return _Reader(root, document, report).settings()


class _Reader:
    def __init__(self, root: Path, document: Document, report: Report) -> None:
        self._root = root
        self._document = document
        self._report = report

    def settings(self) -> Settings:
        self._refuse_unknown()
        return Settings(
            package=self._package(),
            flows=self._flows(),
            source_dir=self._directory("source_dir", "."),
            migrations_dir=self._directory("migrations_dir", "migrations"),
            migrations_format=self._migrations_format(),
            dsn=self._text("dsn"),
            cron_target=self._cron_target(),
            breaking=self._breaking(),
            extra_modes=self._extra_modes(),
        )

    def _find(self, *path: str) -> Node | None:
        """The node at `path`; None as well for what could not be read, which was reported."""
        node = self._document.find(*path)
        return None if isinstance(node, Refused) else node

    def _refuse_unknown(self) -> None:
        self._refuse_names((), NAMES)
        for table, names in TABLES.items():
            node = self._find(table)
            if node is not None and not isinstance(node, Mapping):
                self._refuse(node.span, f"'{table}' must be a table", f"write [{table}]")
            if names is not None:
                self._refuse_names((table,), names)

    def _refuse_names(self, path: tuple[str, ...], known: tuple[str, ...]) -> None:
        node = self._find(*path)
        for key, entry in node.entries.items() if isinstance(node, Mapping) else ():
            if key not in known:
                near = near_miss(key, known)
                help = f"did you mean '{near}'?" if near else f"the settings are {', '.join(known)}"
                name = ".".join((*path, key))
                self._report.add(
                    Diagnostic(
                        files.UNKNOWN_SETTING, f"unknown setting '{name}'", entry.key_place.span, help=(help,)
                    )
                )

    def _cron_target(self) -> CronTarget:
        node = self._find("target", "cron")
        written = node.value if isinstance(node, Scalar) else None
        for target in CRON_TARGETS:
            if node is None or written == target:
                return target
        assert node is not None
        near = near_miss(str(written), CRON_TARGETS)
        self._refuse(
            node.span,
            "'target.cron' must be auto, worker or pg_cron",
            f"did you mean '{near}'?" if near else 'for example: cron = "pg_cron"',
        )
        return "auto"

    def _extra_modes(self) -> ExtraModes:
        """One word for both ways, or a table with one for each."""
        if isinstance(self._find(*_EXTRA_FIELDS), Mapping):
            self._refuse_names(_EXTRA_FIELDS, ("in", "out"))
            incoming, outgoing = EXTRA_MODES
            return (
                self._extra_mode((*_EXTRA_FIELDS, "in"), incoming),
                self._extra_mode((*_EXTRA_FIELDS, "out"), outgoing),
            )
        return self._extra_mode(_EXTRA_FIELDS, EXTRA_MODES[0]), self._extra_mode(
            _EXTRA_FIELDS, EXTRA_MODES[1]
        )

    def _extra_mode(self, path: tuple[str, ...], default: ExtraMode) -> ExtraMode:
        node = self._find(*path)
        written = node.value if isinstance(node, Scalar) else None
        for mode in EXTRA_WORDS:
            if node is None or written == mode:
                return default if node is None else mode
        assert node is not None
        near = near_miss(str(written), EXTRA_WORDS)
        self._refuse(
            node.span,
            f"'{'.'.join(path)}' must be ignore or forbid",
            f"did you mean '{near}'?" if near else 'for example: extra_fields = "forbid"',
        )
        return default

    def _breaking(self) -> BreakingSettings:
        use = self._find("breaking", "use") is not None
        return BreakingSettings(
            self._texts("breaking", "use") if use else None,
            *(self._texts("breaking", name) for name in ("except", "warn", "ignore")),
        )

    def _texts(self, *path: str) -> tuple[str, ...]:
        node = self._find(*path)
        found = (
            [one.value if isinstance(one, Scalar) else None for one in node.items]
            if isinstance(node, Sequence)
            else [node]
        )
        if node is None:
            return ()
        texts = tuple(one for one in found if isinstance(one, str) and one)
        if len(texts) < len(found):
            name = ".".join(path)
            self._refuse(
                node.span, f"'{name}' must be a list of texts", f'for example: {path[-1]} = ["INFLIGHT"]'
            )
        return texts

    def _text(self, name: str) -> str | None:
        node = self._find(name)
        if node is None:
            return None
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            return node.value
        self._refuse(node.span, f"'{name}' must be a text")
        return None

    def _package(self) -> str | None:
        value = self._text("package")
        fault = package_fault(value) if value is not None else None
        if fault:
            self._refuse(self._span("package"), fault, 'for example: package = "shop"')
            return None
        return value

    def _flows(self) -> tuple[str, ...]:
        node = self._find("flows")
        if node is None:
            return DEFAULT_FLOWS
        if not isinstance(node, Sequence) or not node.items:
            self._refuse(
                node.span, "'flows' must be a list of patterns", 'for example: flows = ["flows/*.yaml"]'
            )
            return DEFAULT_FLOWS
        patterns = []
        for item in node.items:
            if not isinstance(item, Scalar) or not isinstance(item.value, str) or not item.value:
                self._refuse(item.span, "a pattern must be a text")
            elif _leads_out(item.value):
                self._report.add(
                    Diagnostic(
                        files.OUTSIDE, f"the pattern '{item.value}' leads out of the project", item.span
                    )
                )
            elif not item.value.endswith(SUFFIXES):
                self._refuse(
                    item.span, f"the pattern '{item.value}' must end in one of {', '.join(SUFFIXES)}"
                )
            else:
                patterns.append(item.value)
        return tuple(patterns)

    def _directory(self, name: str, default: str) -> str:
        value = self._text(name)
        if value is None:
            return default
        if _leads_out(value) or not contains(self._root, self._root / value):
            self._report.add(
                Diagnostic(files.OUTSIDE, f"'{name}' leads out of the project: {value}", self._span(name))
            )
            return default
        return Path(value).as_posix()

    def _migrations_format(self) -> MigrationFormat:
        value = self._text("migrations_format") or "plain"
        if value not in FORMATS:
            near = near_miss(value, FORMATS)
            help = f"did you mean '{near}'?" if near else f"the formats are {', '.join(FORMATS)}"
            self._refuse(self._span("migrations_format"), f"unknown format '{value}'", help)
        return next((format for format in FORMATS if format == value), "plain")

    def _span(self, name: str) -> Span | None:
        node = self._find(name)
        return node.span if node else None

    def _refuse(self, span: Span | None, message: str, *help: str) -> None:
        self._report.add(Diagnostic(files.BAD_SETTING, message, span, help=help))


def package_fault(name: str) -> str | None:
    """Why generated code cannot live in a package of that dotted name; None if it can."""
    parts = name.split(".")
    if not all(part.isascii() and part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        return f"{name!r} is not a Python package name"
    if parts[0] in sys.stdlib_module_names or parts[0] in _OUR_PACKAGES:
        return f"{name!r} would hide the module '{parts[0]}', or be hidden by it"
    return None


def package_name(directory: str) -> str:
    """A package name that Python and pgflowc accept, after the name of a directory."""
    words = re.findall(r"[a-z0-9]+", directory.lower())
    name = "_".join(words)[:_LONGEST_PACKAGE].strip("_")
    name = f"app_{name}" if name[:1].isdigit() else name or "app"
    return name if package_fault(name) is None else f"{name}_app"


def contains(root: Path, path: Path) -> bool:
    """Whether `path`, all symbolic links followed, is `root` or below it; `root` must be resolved."""
    return path.resolve().is_relative_to(root)


def _leads_out(path: str) -> bool:
    return Path(path).is_absolute() or ".." in Path(path).parts
