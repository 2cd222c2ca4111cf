"""The lines of a user's file that a finding points at, with carets under them, cut to the width of the
terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from pgflowc.diagnostics.columns import broken, columns
from pgflowc.diagnostics.lines import lines_of
from pgflowc.diagnostics.model import Span
from pgflowc_language.words import visible

Paint = Callable[[str, str], str]
"""`paint(style, text)`; styles are `error`, `warning`, `frame`, `head` and `note`."""

_TAB = "    "
_LEAST_WIDTH = 40
_LEAST_NOTE = 24
_ROOM_BEFORE = 20
_LONGEST_UNDERLINE = 60
_MOST_LINES_UP = 40


@dataclass(frozen=True, slots=True)
class Mark:
    """An underlined stretch of one line: columns from 0, `end` after the last; `style` is the primary one's
    severity.
    """

    line: int
    start: int
    end: int
    text: str
    style: str | None


class Lines:
    """The lines of one file."""

    def __init__(self, text: str) -> None:
        self.texts = lines_of(text)

    def __getitem__(self, number: int) -> str:
        """A line by its number, from 1; a finding may be behind the last one, which is empty."""
        return self.texts[number - 1] if number <= len(self.texts) else ""

    @cached_property
    def indentations(self) -> list[int]:
        """The width of the white space that each line begins with, in characters."""
        return [len(line) - len(line.lstrip(" \t")) for line in self.texts]

    def enclosing(self, number: int) -> int:
        """The nearest line above with less indentation, which usually holds the key that this line belongs
        to; or 0.
        """
        if number > len(self.texts):
            return 0
        indentations = self.indentations
        own = indentations[number - 1]
        for index in range(number - 2, max(-1, number - 1 - _MOST_LINES_UP), -1):
            if indentations[index] < own:
                text = self.texts[index]
                if text[indentations[index] : indentations[index] + 1] not in ("", "#"):
                    return index + 1
        return 0


def mark(span: Span, text: str, style: str | None, lines: Lines) -> Mark:
    """The part of the span on its first line, at least one column wide."""
    line = lines[span.start.line]
    start = span.start.column - 1
    end = span.end.column - 1 if span.end.line == span.start.line else max(len(line.rstrip()), start)
    return Mark(span.start.line, start, max(end, start + 1), text, style)


@dataclass(frozen=True, slots=True)
class Snippet:
    """Draws lines of one file; `gutter` is the width of line numbers, `width` the terminal's. Notes that do
    not fit are broken if `wrap`.
    """

    lines: Lines
    gutter: int
    width: int
    wrap: bool
    paint: Paint

    def draw(self, marks: Sequence[Mark]) -> Iterator[str]:
        """The marked lines in order, the first after its enclosing key; longer gaps become dots."""
        previous = 0
        ordered = sorted(marks, key=lambda mark: (mark.line, mark.start))
        for line, group in groupby(ordered, key=lambda mark: mark.line):
            context = self.lines.enclosing(line) if not previous else 0
            for shown in (context, line):
                if not shown:
                    continue
                if previous and shown == previous + 2:
                    yield self._source(shown - 1, 0)
                elif previous and shown > previous + 2:
                    yield self.paint("frame", "...")
                previous = shown
                if shown != line:
                    yield self._source(shown, 0)
            yield from self._marked(line, list(group))

    @property
    def _room(self) -> int:
        return max(self.width - self.gutter - 3, _LEAST_WIDTH)

    def _marked(self, line: int, marks: list[Mark]) -> Iterator[str]:
        """One line and its marks; again for marks that the first cut does not show."""
        while marks:
            focus = next((mark for mark in marks if mark.style), marks[0])
            shift = self._shift(line, focus.start)
            shown = [mark for mark in marks if mark is focus or shift <= mark.start < shift + self._room - 6]
            marks = [mark for mark in marks if mark not in shown]
            yield self._source(line, shift)
            for mark in shown:
                yield from self._underline(mark, shift)

    def _shift(self, number: int, focus: int) -> int:
        """How many characters to cut on the left so that column `focus` is seen."""
        line = self._line(number)
        if focus <= self._room - _ROOM_BEFORE and _width(line[:focus]) <= self._room - _ROOM_BEFORE:
            return 0
        return 0 if _width(line[: self._room + 1]) <= self._room else max(0, focus - _ROOM_BEFORE)

    def _source(self, number: int, shift: int) -> str:
        line = self._line(number)
        before = "..." if shift else ""
        text = _shown(line[shift : shift + self._room + 1])
        if columns(before + text) > self._room:
            room = self._room - len(before) - 3
            while columns(text) > room:
                text = text[:-1]
            text += "..."
        return f"{self.paint('frame', f'{number:>{self.gutter}} |')} {before}{text}".rstrip()

    def _underline(self, mark: Mark, shift: int) -> Iterator[str]:
        line = self._line(mark.line)
        blank = _width(line[shift : mark.start]) + max(0, mark.start - len(line)) + (3 if shift else 0)
        length = min(
            _width(line[mark.start : min(mark.end, mark.start + _LONGEST_UNDERLINE)]) or 1, self._room
        )
        length = max(1, min(length, self._room - blank))
        sign = ("^" if mark.style else "-") * length
        frame = self.paint("frame", " " * self.gutter + " |")
        style = mark.style or "frame"
        beside, indent, below = self._note(visible(mark.text), blank, blank + length + 1)
        yield f"{frame} {' ' * blank}{self.paint(style, f'{sign} {beside}'.rstrip())}"
        for text in below:
            yield f"{frame} {' ' * indent}{self.paint(style, text)}"

    def _note(self, text: str, blank: int, start: int) -> tuple[str, int, list[str]]:
        """What of a note stands beside the mark, which begins at `blank` and ends before `start`; then the
        indentation of the lines below, and these.
        """
        if not self.wrap or not text or start + columns(text) <= self._room:
            return text, 0, []
        if self._room - start >= _LEAST_NOTE:
            beside, *below = broken(text, self._room - start)
            return beside, start, below
        indent = max(0, min(blank, self._room - _LEAST_WIDTH))
        return "", indent, broken(text, self._room - indent)

    def _line(self, number: int) -> str:
        return self.lines[number].rstrip()


def _shown(text: str) -> str:
    return visible(text.replace("\t", _TAB))


def _width(text: str) -> int:
    """Columns that the text takes when it is shown."""
    return columns(_shown(text))
