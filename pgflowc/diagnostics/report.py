"""Collects the diagnostics of one run, so that every fault of every file is reported at once."""

from __future__ import annotations

from collections.abc import Iterable

from pgflowc.diagnostics.model import Diagnostic, Severity


class Report:
    """The findings of one run, without duplicates, handed out in reading order."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Record a finding; the same finding twice counts once."""
        self._found.setdefault(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Record several findings."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def clear(self) -> None:
        """Forget all findings."""
        self._found.clear()

    @property
    def has_errors(self) -> bool:
        """Whether something was found that forbids writing output."""
        return any(found.severity is Severity.ERROR for found in self._found)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """The findings by file, position and code; those without a place come first."""
        return tuple(sorted(self._found, key=_reading_order))


def _reading_order(found: Diagnostic) -> tuple[str, int, int, str, str]:
    if found.span is None:
        return ("", 0, 0, found.code.id, found.message)
    start = found.span.start
    return (found.span.path, start.line, start.column, found.code.id, found.message)
