"""The table of `pgflowc ci`, for terminals and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pgflowc.diagnostics import Diagnostic, Severity
from pgflowc.render.literals import markdown_text

# A page that lists thousands of findings helps nobody.
_MOST_LISTED = 50
_MARKS = {"ok": ":white_check_mark:", "failed": ":x:", "skipped": ":heavy_minus_sign:"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table; `text` says in a few words what was found, or why nothing was looked at.

    `by_findings` tells results that findings stand for, which have places.
    """

    name: str
    result: Literal["ok", "failed", "skipped"]
    text: str
    by_findings: bool = False


def table(checks: Sequence[Check]) -> str:
    """The table in plain text."""
    width = max(len(check.name) for check in checks)
    return "".join(f"{check.name:<{width}}  {check.result:<7}  {check.text}\n" for check in checks)


def markdown(checks: Sequence[Check], diagnostics: Sequence[Diagnostic]) -> str:
    """The table, and below it what was found, for the summary page of a workflow."""
    return "".join(f"{line}\n" for line in _markdown(checks, diagnostics))


def _markdown(checks: Sequence[Check], diagnostics: Sequence[Diagnostic]) -> Iterator[str]:
    failed = sum(check.result == "failed" for check in checks)
    yield f"### pgflowc: {f'{failed} of {len(checks)} checks failed' if failed else 'all is well'}"
    yield ""
    yield "| check | | |"
    yield "| --- | --- | --- |"
    for check in checks:
        yield f"| {check.name} | {_MARKS[check.result]} {check.result} | {markdown_text(check.text)} |"
    yield ""
    if not diagnostics:
        return
    ordered = sorted(diagnostics, key=lambda found: found.severity is not Severity.ERROR)
    for found in ordered[:_MOST_LISTED]:
        place = f"{found.span.path}:{found.span.start.line}: " if found.span else ""
        yield f"- {found.severity} {found.code.id}: {markdown_text(place + found.message)}"
    if len(ordered) > _MOST_LISTED:
        yield f"- and {len(ordered) - _MOST_LISTED} more"
    yield ""
