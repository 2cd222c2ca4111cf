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
from dataclasses import dataclass

from pgflowc.diagnostics.columns import broken, columns
from pgflowc.diagnostics.model import Diagnostic, Severity, Span
from pgflowc.diagnostics.snippet import Lines, Mark, Paint, Snippet, mark
from pgflowc_language.words import visible

# Of lines that continue a headline.
_INDENT = 4
_LEAST_ROOM = 24
_RESET = "\x1b[0m"
_STYLES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "head": "\x1b[1m",
    "frame": "\x1b[1;34m",
    "note": "\x1b[36m",
}


def render(
    diagnostics: Sequence[Diagnostic],
    sources: Mapping[str, str],
    *,
    color: bool,
    width: int,
    wrap: bool = False,
) -> str:
    """All findings, each followed by an empty line, then a line that counts them; "" when there are none.

    `sources` maps paths to texts; a finding whose text is missing is shown without its lines. `width` is the
    terminal's in columns: source lines are cut to it, and messages broken into lines of it if `wrap`.
    """
    if not diagnostics:
        return ""
    paint = _colored if color else _plain
    paths = {found.span.path for found in diagnostics if found.span}
    paths |= {label.span.path for found in diagnostics for label in found.labels}
    lines = {path: Lines(sources[path]) for path in paths & sources.keys()}
    view = _View(lines, paint, width, wrap)
    blocks = ["\n".join(view.block(diagnostic)) for diagnostic in diagnostics]
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


@dataclass(frozen=True, slots=True)
class _View:
    """How findings are shown; `lines` are those of the texts they point into."""

    lines: Mapping[str, Lines]
    paint: Paint
    width: int
    wrap: bool

    def block(self, found: Diagnostic) -> Iterator[str]:
        """The lines of one finding."""
        yield from self._headline(found)
        marks = _marks(found, self.lines)
        gutter = max((len(str(mark.line)) for own in marks.values() for mark in own), default=0)
        for number, (path, own) in enumerate(marks.items()):
            if number:
                first = min(own, key=lambda mark: (mark.line, mark.start))
                arrow = self.paint("frame", " " * gutter + " :::")
                yield f"{arrow} {visible(path)}:{first.line}:{first.start + 1}"
            yield self.paint("frame", " " * gutter + " |")
            snippet = Snippet(self.lines[path], gutter, self.width, self.wrap, self.paint)
            yield from snippet.draw(own)
        for text in found.help:
            yield from self._help(gutter, visible(text))

    def _headline(self, found: Diagnostic) -> Iterator[str]:
        place = f"{_place(found.span)}: " if found.span else ""
        kind = f"{found.severity}[{found.code.id}]"
        message = visible(found.message)
        begin, *rest = self._broken(message, columns(f"{place}{kind}: "), _INDENT)
        yield (
            f"{self.paint('head', place)}{self.paint(found.severity, kind)}"
            f"{self.paint('head', f': {begin}'.rstrip())}"
        )
        for line in rest:
            yield f"{' ' * _INDENT}{self.paint('head', line)}"

    def _help(self, gutter: int, text: str) -> Iterator[str]:
        indent = gutter + len(" = help: ")
        begin, *rest = self._broken(text, indent, indent)
        yield f"{' ' * gutter} {self.paint('frame', '=')} {self.paint('note', 'help')}: {begin}"
        for line in rest:
            yield f"{' ' * indent}{line}"

    def _broken(self, text: str, taken: int, indent: int) -> list[str]:
        """The text as lines, the first after `taken` columns, the others after `indent`."""
        if not self.wrap or taken + columns(text) <= self.width:
            return [text]
        return broken(text, max(self.width - indent, _LEAST_ROOM), max(self.width - taken, 0))


def _place(span: Span) -> str:
    return f"{visible(span.path)}:{span.start.line}:{span.start.column}"


def _marks(diagnostic: Diagnostic, lines: Mapping[str, Lines]) -> dict[str, list[Mark]]:
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
