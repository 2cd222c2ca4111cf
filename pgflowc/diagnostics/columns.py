"""How many columns of a terminal a text takes, and where it is broken to fit into them."""

from __future__ import annotations

import re
import unicodedata

_WIDE = r"\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
# With the space before it: a letter of a script that is written without spaces, and the quotes and stops that
# cannot be parted from it; something with a command between backticks, which is there to be copied; a word.
_WORD = re.compile(
    rf"(?P<space>\s*)(?P<word>['\"(「『（]*[{_WIDE}][、。」』）！？：，．ー'\").,;:]*"
    rf"|[^\s`{_WIDE}]*`[^`]+`[^\s{_WIDE}]*"
    rf"|[^\s{_WIDE}]+)"
)


def columns(text: str) -> int:
    """The columns that a text without control characters takes."""
    if text.isascii():
        return len(text)
    return sum(
        # Marks, such as accents and the selectors of emoji, stand on the character before them.
        0
        if unicodedata.category(character) in ("Mn", "Me")
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def broken(text: str, room: int, first: int | None = None) -> list[str]:
    """The text as lines of at most `room` columns, the first of at most `first`.

    It is broken at spaces, which go. A word that is longer than a line stays whole: paths and names are there
    to be copied. The first line is empty when not even a word fits into it.
    """
    lines: list[str] = []
    line, taken, limit = "", 0, room if first is None else first
    for found in _WORD.finditer(text):
        space, word = found["space"], found["word"]
        width = columns(word)
        if taken + len(space) + width > limit and (line or (not lines and limit < room)):
            lines.append(line)
            line, taken, limit, space = "", 0, room, ""
        line += space + word
        taken += len(space) + width
    return [*lines, line]
