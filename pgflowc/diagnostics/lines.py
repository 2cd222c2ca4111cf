"""What counts as a line of a user's text: the stages that place findings and those that show or mend them
agree here.

Editors count `\\n`, `\\r\\n` and `\\r`; YAML 1.1 and `str.splitlines` know more breaks, which would shift
every position.
"""

from __future__ import annotations

import re

from pgflowc.diagnostics.model import Position

LINE_BREAK = re.compile(r"\r\n|\r|\n")
BYTE_ORDER_MARK = "\ufeff"


def lines_of(text: str) -> list[str]:
    """The lines without their breaks; a leading byte order mark belongs to no line."""
    return LINE_BREAK.split(text.removeprefix(BYTE_ORDER_MARK))


def line_starts(text: str) -> list[int]:
    """The offset of the first character of each line of a text without byte order mark."""
    return [0, *(match.end() for match in LINE_BREAK.finditer(text))]


class Offsets:
    """Positions as offsets into a file's text, a byte order mark included."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._mark = len(text) - len(text.removeprefix(BYTE_ORDER_MARK))
        self._starts = line_starts(text.removeprefix(BYTE_ORDER_MARK))

    def character(self, position: Position) -> int:
        """The offset in characters; a position beyond the text is its end."""
        if position.line > len(self._starts):
            return len(self._text)
        return min(self._mark + self._starts[position.line - 1] + position.column - 1, len(self._text))

    def byte(self, position: Position) -> int:
        """The offset in bytes of the file in UTF-8."""
        return len(self._text[: self.character(position)].encode("utf-8", "surrogatepass"))
