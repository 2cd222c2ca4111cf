"""The parts of a finding: a kind of fault with a code, one headline, one primary span, then labels, help and
a fix.
"""

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
    """A kind of fault: its stable identifier and what `pgflowc explain` says about it.

    `example` has the fault and `cured` does not: specs, or for faults of files shell commands after `$ `.
    """

    id: str
    severity: Severity
    title: str
    cause: str
    example: str
    cure: str
    cured: str = ""

    @property
    def ignorable(self) -> bool:
        """Whether a comment in the spec may say that a finding does not matter: of what is no error, and of
        breaking changes, which are what somebody may want.
        """
        return self.severity is Severity.WARNING or self.id.startswith("PGF7")


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that belongs to the finding, with a few words on why."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a file, empty to insert, and the text to put in its place."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of the user's text that cures a finding.

    `certain` says that it can be made without asking: it is what the author must have meant, and means
    nothing else. Other fixes are offered to editors.
    """

    edits: tuple[Edit, ...]
    certain: bool


def replacement(span: Span, text: str, *, certain: bool = True) -> Fix:
    """The fix that puts `text` in the place of `span`."""
    return Fix((Edit(span, text),), certain)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `span` is None only when no file can be pointed at; `label` stands beside the carets."""

    code: Code
    message: str
    span: Span | None = None
    label: str = ""
    labels: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        """The severity of the diagnostic's code."""
        return self.code.severity
