"""Shows diagnostics on stderr, and decides the exit code they mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from pgflowc.cli.exit import ENVIRONMENT, FINDINGS, FINE
from pgflowc.cli.terminal import wants_color, width
from pgflowc.diagnostics import Code, Diagnostic, Severity, Span
from pgflowc.diagnostics.codes import files
from pgflowc.diagnostics.text import render

_ENVIRONMENT_IDS = frozenset(code.id for code in vars(files).values() if isinstance(code, Code))


def show(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], root: Path | None = None) -> None:
    """Print diagnostics, their paths (relative to `root`) as seen from the current directory."""
    if not diagnostics:
        return
    prefix = os.path.relpath(root) if root is not None else "."
    if prefix != ".":
        diagnostics = [_moved(diagnostic, prefix) for diagnostic in diagnostics]
        sources = {os.path.join(prefix, path): text for path, text in sources.items()}  # noqa: PTH118 - as shown
    typer.echo(render(diagnostics, sources, color=wants_color(sys.stderr), width=width()), err=True, nl=False)


def exit_code(diagnostics: Sequence[Diagnostic]) -> int:
    """2 if files or the configuration are at fault, 1 if there are other errors, else 0."""
    errors = [found for found in diagnostics if found.severity is Severity.ERROR]
    if any(found.code.id in _ENVIRONMENT_IDS for found in errors):
        return ENVIRONMENT
    return FINDINGS if errors else FINE


def _moved(diagnostic: Diagnostic, prefix: str) -> Diagnostic:
    labels = tuple(replace(label, span=_moved_span(label.span, prefix)) for label in diagnostic.labels)
    span = _moved_span(diagnostic.span, prefix) if diagnostic.span else None
    return replace(diagnostic, span=span, labels=labels)


def _moved_span(span: Span, prefix: str) -> Span:
    return replace(span, path=os.path.join(prefix, span.path))  # noqa: PTH118 - a path to show, not to open
