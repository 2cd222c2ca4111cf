"""The blocks of a YAML text by its indentation alone, for texts that no parser takes.

A block is a key or a list item with everything that stands deeper. Which lines begin one is told without a
parser, so it may be wrong: whoever uses blocks tries them in a parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARGIN = re.compile(r"[ \t]*")
_LINE = re.compile(r"[^\n]*\n?")
_PLAIN = r"[^\s:#\[\]{},]"
_KEY = (
    r"(?:\"(?:[^\"\\\r\n]|\\.){0,200}\"|'[^'\r\n]{0,200}'"
    rf"|(?![-?&*!|>'\"%@`]){_PLAIN}{{1,200}}(?: {_PLAIN}{{1,99}}){{0,9}})"
)
_ENTRY = re.compile(rf"(?P<margin> *)(?P<head>{_KEY}[ ]{{0,9}}:)(?=[ \t\r\n]|\Z)")
_ITEM = re.compile(r"(?P<margin> *)(?P<head>-)(?=[ \t\r\n]|\Z)")
_NO_CONTENT = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?\Z")
_REST_IS_EMPTY = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of lines. `start` is where its key or dash stands, `end` where the next block's line begins,
    `indent` the column of `start`, from 0.

    `value` is where the key's colon or the dash ends: None for lines that are neither a key nor an item.
    """

    start: int
    end: int
    indent: int
    value: int | None
    is_item: bool

    def head(self, text: str) -> str:
        """The key with its colon, or the dash."""
        return text[self.start : self.value]


def blocks(text: str, start: int, end: int) -> list[Block]:
    """The blocks of the outermost level of the lines in a stretch, which begins with a line."""
    found: list[Block] = []
    begin: re.Pattern[str] | None = None
    indent = 0
    is_below_tab = False
    for line in _LINE.finditer(text, start, end):
        if line.start() == line.end() or _NO_CONTENT.match(text, line.start(), line.end()):
            continue
        if begin is None:
            begin = _ITEM if _ITEM.match(text, line.start(), line.end()) else _ENTRY
            opened = begin.match(text, line.start(), line.end())
            indent = margin(text, line.start())
        else:
            column = margin(text, line.start())
            if text.startswith("\t", line.start() + column):
                # How far in it stands is nobody's guess; so what follows may belong to its key.
                is_below_tab = line[0].rstrip().endswith(":")
                continue
            if column < indent or (is_below_tab and column == indent):
                break  # What follows a line that stands further out may belong to that line.
            is_below_tab = False
            opened = begin.match(text, line.start(), line.end())
            if opened is None or len(opened["margin"]) != indent:
                continue
        if found:
            last = found[-1]
            found[-1] = Block(last.start, line.start(), last.indent, last.value, last.is_item)
        found.append(
            Block(
                line.start() + indent,
                end,
                indent,
                opened.end("head") if opened else None,
                begin is _ITEM,
            )
        )
    return found


def inner(text: str, block: Block) -> list[Block]:
    """The blocks of a block's value; none if it is written beside the key, or not in block style."""
    if block.value is None:
        return []
    first = _REST_IS_EMPTY.match(text, block.value, block.end)
    if first is None or first.end() == block.end:
        return []
    found = blocks(text, first.end(), block.end)
    # A list may stand below its key without indentation.
    deep_enough = found and (
        found[0].indent > block.indent or (found[0].indent == block.indent and found[0].is_item)
    )
    return found if deep_enough else []


def is_entry(text: str, start: int, end: int) -> bool:
    """Whether the line from `start` looks like one that begins a block, however it is indented."""
    content = _MARGIN.match(text, start, end)
    assert content is not None
    return bool(_ENTRY.match(text, content.end(), end) or _ITEM.match(text, content.end(), end))


def margin(text: str, line_start: int) -> int:
    """How many blanks a line begins with."""
    at = line_start
    while text.startswith(" ", at):
        at += 1
    return at - line_start
