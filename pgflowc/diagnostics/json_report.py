"""Diagnostics as JSON for editors and scripts. The format is described in docs/diagnostics.md and only grows.

`{"version": 1, "tool": {...}, "diagnostics": [...], "summary": {"errors": 1, "warnings": 0}}`; lines and
columns count from 1, columns in code points, bytes from 0 in the file as it is stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pgflowc.diagnostics.lines import Offsets
from pgflowc.diagnostics.model import Diagnostic, Position, Severity, Span

VERSION = 1


def render(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], *, tool_version: str) -> str:
    """All findings as one JSON object; `byte` is null where the text of a file is not among `sources`."""
    places = _Places(sources)
    counts = {severity: sum(found.severity is severity for found in diagnostics) for severity in Severity}
    report = {
        "version": VERSION,
        "tool": {"name": "pgflowc", "version": tool_version},
        "diagnostics": [_finding(found, places) for found in diagnostics],
        "summary": {"errors": counts[Severity.ERROR], "warnings": counts[Severity.WARNING]},
    }
    return json.dumps(report, indent=2, ensure_ascii=True) + "\n"


class _Places:
    """Spans as JSON; the lines of each file are counted once."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._offsets: dict[str, Offsets] = {}

    def of(self, span: Span) -> dict[str, Any]:
        return {
            "path": span.path,
            "start": self._position(span.path, span.start),
            "end": self._position(span.path, span.end),
        }

    def _position(self, path: str, position: Position) -> dict[str, int | None]:
        if path in self._sources and path not in self._offsets:
            self._offsets[path] = Offsets(self._sources[path])
        byte = self._offsets[path].byte(position) if path in self._offsets else None
        return {"line": position.line, "column": position.column, "byte": byte}


def _finding(found: Diagnostic, places: _Places) -> dict[str, Any]:
    return {
        "code": found.code.id,
        "severity": found.severity.value,
        "message": found.message,
        "place": places.of(found.span) if found.span else None,
        "label": found.label or None,
        "related": [{"place": places.of(label.span), "message": label.text} for label in found.labels],
        "help": list(found.help),
        "fix": {
            "certain": found.fix.certain,
            "edits": [{"place": places.of(edit.span), "text": edit.text} for edit in found.fix.edits],
        }
        if found.fix
        else None,
    }
