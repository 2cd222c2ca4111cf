"""A user's text with its positions: offsets into it become lines and columns only when somebody asks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from pgflowc.diagnostics import Position, Span
from pgflowc.diagnostics.lines import BYTE_ORDER_MARK, line_starts


class Source:
    """The text of one file, without byte order mark; `path` is shown as it stands. `odd` are the offsets of
    characters that no spec may hold, in ascending order: what they are a part of has no meaning.
    """

    __slots__ = ("_line_starts", "odd", "path", "text")

    def __init__(self, path: str, text: str, odd: Sequence[int] = ()) -> None:
        self.path = path
        self.text = text.removeprefix(BYTE_ORDER_MARK)
        self.odd = odd
        self._line_starts: list[int] | None = None

    def position(self, offset: int) -> Position:
        """The place of the character at `offset`; the text's length gives the place after its end."""
        if self._line_starts is None:
            self._line_starts = line_starts(self.text)
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def is_odd(self, start: int, end: int) -> bool:
        """Whether one of the odd characters stands between the two offsets."""
        place = bisect_left(self.odd, start)
        return place < len(self.odd) and self.odd[place] < end

    def span(self, start: int, end: int) -> Span:
        """The half-open stretch between two offsets."""
        return Span(self.path, self.position(start), self.position(max(start, end)))

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column, both from 1; beyond the end is the end."""
        self.position(0)
        assert self._line_starts is not None
        if line > len(self._line_starts):
            return len(self.text)
        return min(self._line_starts[line - 1] + column - 1, len(self.text))
