"""The shape of a diagnostic: a code, one headline, one primary span, then labels and help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters: an error stops the compiler from writing anything."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text: `line` and `column` count from 1, columns in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open stretch `[start, end)` of one file; `path` is shown as it stands."""

    path: str
    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of fault: its stable identifier and what `pgflowc explain` says about it."""

    id: str
    severity: Severity
    title: str
    cause: str
    example: str
    cure: str


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that belongs to the finding, with a few words on why."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `span` is None only when no file can be pointed at; `label` stands beside the carets."""

    code: Code
    message: str
    span: Span | None = None
    label: str = ""
    labels: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """The severity of the diagnostic's code."""
        return self.code.severity
