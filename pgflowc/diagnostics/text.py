"""Diagnostics as text for people: headline, the lines of the user's file with carets, help.

flows/order.yaml:13:18: error[PGF201]: step 'charge' depends on 'validte', which is not a step
   |
12 |   charge:
13 |     depends_on: [validte]
   |                  ^^^^^^^ unknown step
   = help: did you mean 'validate' (line 6)?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pgflowc.diagnostics.lines import lines_of
from pgflowc.diagnostics.model import Diagnostic, Severity, Span
from pgflowc.diagnostics.snippet import Mark, Paint, Snippet, mark
from pgflowc.diagnostics.words import visible

_RESET = "\x1b[0m"
_STYLES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "head": "\x1b[1m",
    "frame": "\x1b[1;34m",
    "note": "\x1b[36m",
}


def render(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], *, color: bool, width: int) -> str:
    """All findings, each followed by an empty line, then a line that counts them; "" when there are none.

    `sources` maps paths to texts; a finding whose text is missing is shown without its lines. `width` is the
    terminal's in columns: source lines are cut to it, messages are not.
    """
    if not diagnostics:
        return ""
    paint = _colored if color else _plain
    lines = {path: lines_of(text) for path, text in sources.items()}
    blocks = ["\n".join(_block(diagnostic, lines, paint, width)) for diagnostic in diagnostics]
    return "\n\n".join([*blocks, count(diagnostics)]) + "\n"


def count(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    numbers = {
        severity: sum(1 for found in diagnostics if found.severity is severity) for severity in Severity
    }
    return ", ".join(
        f"{number} {severity}{'s' if number > 1 else ''}" for severity, number in numbers.items() if number
    )


def _colored(style: str, text: str) -> str:
    return f"{_STYLES[style]}{text}{_RESET}" if text else ""


def _plain(style: str, text: str) -> str:
    return text


def _block(diagnostic: Diagnostic, lines: Mapping[str, list[str]], paint: Paint, width: int) -> Iterator[str]:
    span = diagnostic.span
    place = paint("head", f"{_place(span)}: ") if span else ""
    kind = paint(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code.id}]")
    yield f"{place}{kind}{paint('head', ': ' + visible(diagnostic.message))}"
    marks = _marks(diagnostic, lines)
    gutter = max((len(str(mark.line)) for own in marks.values() for mark in own), default=0)
    for number, (path, own) in enumerate(marks.items()):
        if number:
            first = min(own, key=lambda mark: (mark.line, mark.start))
            yield f"{paint('frame', ' ' * gutter + ' :::')} {visible(path)}:{first.line}:{first.start + 1}"
        yield paint("frame", " " * gutter + " |")
        yield from Snippet(lines[path], gutter, width, paint).draw(own)
    for text in diagnostic.help:
        yield f"{' ' * gutter} {paint('frame', '=')} {paint('note', 'help')}: {visible(text)}"


def _place(span: Span) -> str:
    return f"{visible(span.path)}:{span.start.line}:{span.start.column}"


def _marks(diagnostic: Diagnostic, lines: Mapping[str, list[str]]) -> dict[str, list[Mark]]:
    """What to underline, by file: the finding's own file first."""
    marks: dict[str, list[Mark]] = {}
    span = diagnostic.span
    if span and span.path in lines:
        marks[span.path] = [mark(span, diagnostic.label, diagnostic.severity, lines[span.path])]
    for label in diagnostic.labels:
        path = label.span.path
        if path in lines:
            marks.setdefault(path, []).append(mark(label.span, label.text, None, lines[path]))
    return marks
