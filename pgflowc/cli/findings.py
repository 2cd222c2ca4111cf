"""Shows diagnostics in the format that is asked for, and decides the exit code they mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pgflowc import __version__
from pgflowc.cli.exit import ENVIRONMENT, FINDINGS, FINE
from pgflowc.cli.terminal import wants_color, width
from pgflowc.diagnostics import Code, Diagnostic, Report, Severity, Span
from pgflowc.diagnostics.codes import files
from pgflowc.project import CONFIG, read_text

_ENVIRONMENT_IDS = frozenset(code.id for code in vars(files).values() if isinstance(code, Code))

# What lines of specs are cut to where there is no terminal.
_WIDTH = 100


class Format(StrEnum):
    """How diagnostics are written: text for people on stderr, the others for programs on stdout."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


FormatOption = Annotated[
    Format,
    typer.Option("--format", help="How diagnostics are written; all but text go to standard output."),
]


def show(
    diagnostics: Sequence[Diagnostic],
    sources: Mapping[str, str],
    root: Path | None = None,
    format: Format = Format.TEXT,
) -> None:
    """Print diagnostics; paths, relative to `root`, become relative to the current directory.

    For SARIF and GitHub they become relative to the checkout of a GitHub workflow, if this is one.
    """
    if root is not None and any(_is_configuration(found) for found in diagnostics):
        config = read_text(root / CONFIG, CONFIG, Report())
        sources = {**sources, CONFIG: config} if config is not None else sources
    base = _checkout() if format in (Format.SARIF, Format.GITHUB) else Path.cwd()
    root = (root or Path()).absolute()
    if root != base:
        seen = _View(root, base)
        diagnostics = [seen.diagnostic(diagnostic) for diagnostic in diagnostics]
        sources = {seen.path(path): text for path, text in sources.items()} if diagnostics else {}
    match format:
        case Format.TEXT:
            from pgflowc.diagnostics import text

            columns = width(sys.stderr)
            shown = text.render(
                diagnostics,
                sources,
                color=wants_color(sys.stderr),
                width=columns or _WIDTH,
                wrap=columns is not None,
            )
        case Format.JSON:
            from pgflowc.diagnostics import json_report

            shown = json_report.render(diagnostics, sources, tool_version=__version__)
        case Format.SARIF:
            from pgflowc.diagnostics import sarif

            shown = sarif.render(diagnostics, tool_version=__version__)
        case Format.GITHUB:
            from pgflowc.diagnostics import github

            shown = github.render(diagnostics)
    # Colours were decided above; typer would take them out again where there is no terminal.
    typer.echo(shown, err=format is Format.TEXT, nl=False, color=True)


def speaker(format: Format) -> Callable[[str], None]:
    """Prints a line about what was done: on stdout, or on stderr when stdout is for a program."""

    def say(line: str) -> None:
        typer.echo(line, err=format is not Format.TEXT, color=True)

    return say


def exit_code(diagnostics: Sequence[Diagnostic]) -> int:
    """2 if a file cannot be read or the configuration is at fault, else 1 if there are errors, else 0."""
    errors = [found for found in diagnostics if found.severity is Severity.ERROR]
    if any(found.code.id in _ENVIRONMENT_IDS or _is_configuration(found) for found in errors):
        return ENVIRONMENT
    return FINDINGS if errors else FINE


def _is_configuration(found: Diagnostic) -> bool:
    return found.span is not None and found.span.path == CONFIG


def _checkout() -> Path:
    """The checkout of the GitHub workflow that this is; the current directory elsewhere."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    here = Path.cwd()
    if workspace and here.is_relative_to(Path(workspace).resolve()):
        return Path(workspace).resolve()
    return here


@dataclass(frozen=True, slots=True)
class _View:
    """Paths relative to `root` as they are seen from `base`."""

    root: Path
    base: Path
    _known: dict[str, str] = field(default_factory=dict)

    def path(self, path: str) -> str:
        if path not in self._known:
            self._known[path] = os.path.relpath(self.root / path, self.base)
        return self._known[path]

    def diagnostic(self, found: Diagnostic) -> Diagnostic:
        fix = found.fix
        if fix is not None:
            edits = tuple(replace(edit, span=self._span(edit.span)) for edit in fix.edits)
            fix = replace(fix, edits=edits)
        labels = tuple(replace(label, span=self._span(label.span)) for label in found.labels)
        return replace(found, span=self._span(found.span) if found.span else None, labels=labels, fix=fix)

    def _span(self, span: Span) -> Span:
        return replace(span, path=self.path(span.path))
