"""Diagnostics as text for people: headline, the lines of the user's file with carets, help.

flows/order.yaml:13:18: error[PGF201]: step 'charge' depends on 'validte', which is not a step
   |
12 |   charge:
13 |     depends_on: [validte]
   |                  ^^^^^^^ unknown step
   = help: did you mean 'validate' (line 6)?
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pgflowc.diagnostics.lines import lines_of
from pgflowc.diagnostics.model import Diagnostic, Severity, Span
from pgflowc.diagnostics.words import visible

_RESET = "\x1b[0m"
_STYLES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "head": "\x1b[1m",
    "frame": "\x1b[1;34m",
    "note": "\x1b[36m",
}
_TAB = "    "
_LEAST_SOURCE_WIDTH = 40
_ROOM_BEFORE = 20


@dataclass(frozen=True, slots=True)
class _Mark:
    """An underlined stretch of one line: columns from 0, `end` after the last."""

    line: int
    start: int
    end: int
    text: str
    primary: bool


def render(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], *, color: bool, width: int) -> str:
    """All findings, each followed by an empty line, then a line that counts them; "" when there are none.

    `sources` maps paths to texts; a finding whose text is missing is shown without its lines. `width` is the terminal's
    in columns: source lines are cut to it, messages are not.
    """
    if not diagnostics:
        return ""
    painter = _Painter(color)
    lines = {path: lines_of(text) for path, text in sources.items()}
    blocks = ["\n".join(_block(diagnostic, lines, painter, width)) for diagnostic in diagnostics]
    return "\n\n".join([*blocks, count(diagnostics)]) + "\n"


def count(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    parts = []
    for severity in Severity:
        number = sum(1 for diagnostic in diagnostics if diagnostic.severity is severity)
        if number:
            parts.append(f"{number} {severity}{'s' if number > 1 else ''}")
    return ", ".join(parts)


class _Painter:
    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, style: str, text: str) -> str:
        return f"{_STYLES[style]}{text}{_RESET}" if self._color and text else text


def _block(
    diagnostic: Diagnostic, lines: Mapping[str, list[str]], paint: _Painter, width: int
) -> Iterator[str]:
    span = diagnostic.span
    place = paint("head", f"{_place(span)}: ") if span else ""
    kind = paint(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code.id}]")
    yield f"{place}{kind}{paint('head', ': ' + visible(diagnostic.message))}"
    shown = [span.start.line] if span else []
    shown += [label.span.start.line for label in diagnostic.labels]
    gutter = len(str(max(shown))) if shown and any(s.path in lines for s in _spans(diagnostic)) else 0
    if span and span.path in lines:
        yield from _snippets(diagnostic, lines, paint, gutter, width)
    for text in diagnostic.help:
        yield f"{' ' * gutter} {paint('frame', '=')} {paint('note', 'help')}: {visible(text)}"


def _spans(diagnostic: Diagnostic) -> list[Span]:
    return [*([diagnostic.span] if diagnostic.span else []), *(label.span for label in diagnostic.labels)]


def _place(span: Span) -> str:
    return f"{visible(span.path)}:{span.start.line}:{span.start.column}"


def _snippets(
    diagnostic: Diagnostic, lines: Mapping[str, list[str]], paint: _Painter, gutter: int, width: int
) -> Iterator[str]:
    """The marked lines of the finding's own file, then those of other files under their names."""
    assert diagnostic.span is not None
    bar = paint("frame", f"{' ' * gutter} |")
    marks: dict[str, list[_Mark]] = {}
    for span, text, primary in [
        (diagnostic.span, diagnostic.label, True),
        *((label.span, label.text, False) for label in diagnostic.labels),
    ]:
        if span.path in lines:
            marks.setdefault(span.path, []).append(_mark(span, text, primary, lines[span.path]))
    for number, (path, own) in enumerate(marks.items()):
        if number:
            first = min(own, key=lambda mark: (mark.line, mark.start))
            yield f"{paint('frame', ' ' * gutter + ' :::')} {visible(path)}:{first.line}:{first.start + 1}"
        yield bar
        yield from _snippet(own, lines[path], paint, gutter, width, severity=diagnostic.severity)


def _mark(span: Span, text: str, primary: bool, lines: list[str]) -> _Mark:
    """The part of the span on its first line, at least one column wide."""
    line = lines[span.start.line - 1] if span.start.line <= len(lines) else ""
    start = span.start.column - 1
    end = span.end.column - 1 if span.end.line == span.start.line else max(len(line.rstrip()), start)
    return _Mark(span.start.line, start, max(end, start + 1), text, primary)


def _snippet(
    marks: list[_Mark], lines: list[str], paint: _Painter, gutter: int, width: int, *, severity: Severity
) -> Iterator[str]:
    """Lines in order, each with its marks under it; gaps are shown as dots, the line before the first mark as context."""
    previous = 0
    for line, group in groupby(
        sorted(marks, key=lambda mark: (mark.line, mark.start)), key=lambda mark: mark.line
    ):
        own = list(group)
        enclosing = _enclosing(line, lines) if not previous else 0
        for shown in (enclosing, line):
            if not shown:
                continue
            if previous and shown == previous + 2:
                yield _source_line(shown - 1, lines, paint, gutter, width, 0)[0]
            elif previous and shown > previous + 1:
                yield paint("frame", "...")
            previous = shown
            if shown == line:
                text, shift = _source_line(
                    line, lines, paint, gutter, width, min(own, key=lambda mark: not mark.primary).start
                )
                yield text
                for mark in own:
                    yield _underline(mark, lines, paint, gutter, shift, severity)
            else:
                yield _source_line(shown, lines, paint, gutter, width, 0)[0]


def _enclosing(line: int, lines: list[str]) -> int:
    """The nearest line above that is indented less, which usually holds the key this line belongs to; 0 if there is none."""
    if line > len(lines):
        return 0
    own = _indentation(lines[line - 1])
    for number in range(line - 1, max(0, line - 40), -1):
        text = lines[number - 1]
        if text.strip() and not text.lstrip().startswith("#") and _indentation(text) < own:
            return number
    return 0


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _source_line(
    number: int, lines: list[str], paint: _Painter, gutter: int, width: int, focus: int
) -> tuple[str, int]:
    """The numbered line, cut to the width around column `focus`, and how many columns were cut on the left."""
    line = lines[number - 1] if number <= len(lines) else ""
    room = max(width - gutter - 3, _LEAST_SOURCE_WIDTH)
    cells = [_cell(character) for character in line.rstrip()]
    shift = 0
    if sum(map(_width, cells)) > room and sum(map(_width, cells[:focus])) > room - _ROOM_BEFORE:
        shift = max(0, focus - _ROOM_BEFORE)
    text, used, cut = "", 0, False
    for cell in cells[shift:]:
        if used + _width(cell) > room - 3 - (3 if shift else 0):
            cut = len(cells) > shift
            break
        text += cell
        used += _width(cell)
    text = ("..." if shift else "") + text + ("..." if cut else "")
    return f"{paint('frame', f'{number:>{gutter}} |')} {text}".rstrip(), shift


def _underline(
    mark: _Mark, lines: list[str], paint: _Painter, gutter: int, shift: int, severity: Severity
) -> str:
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    before = sum(_width(_cell(character)) for character in line[shift : mark.start]) + (3 if shift else 0)
    before += max(0, mark.start - len(line))
    length = sum(_width(_cell(character)) for character in line[mark.start : mark.end]) or 1
    sign = ("^" if mark.primary else "-") * min(length, 60)
    style = str(severity) if mark.primary else "frame"
    note = f" {visible(mark.text)}" if mark.text else ""
    return f"{paint('frame', f'{chr(32) * gutter} |')} {' ' * before}{paint(style, sign + note)}"


def _cell(character: str) -> str:
    """How one character of a source line is shown."""
    return _TAB if character == "\t" else visible(character)


def _width(cell: str) -> int:
    """Columns of a cell on a terminal."""
    if cell.isascii():
        return len(cell)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in cell
    )
