"""What is right in a TOML text in spite of its syntax errors, and where the others are.

`tomllib` stops at the first error. So each statement that it refuses by itself is reported and its value cut
out, and so are keys and tables that are defined twice. Nothing is concluded from what is missing: cut values
become `Refused`, and tables that may have lost keys are `incomplete`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

from pgflowc.diagnostics import Report
from pgflowc.document.model import Path
from pgflowc.document.source import Source
from pgflowc.document.toml_fault import diagnose
from pgflowc.document.toml_index import Index

_MOST_FAULTS = 20
LONGEST = 500_000
"""Characters of a text that it is worth the time to recover."""

_LINE = re.compile(r"[^\n]*\n?")
_KEY = r"(?:[\w-]{1,200}|\"(?:[^\"\\\r\n]|\\.){0,200}\"|'[^'\r\n]{0,200}')"
_KEYS = rf"[ \t]*{_KEY}(?:[ \t]*\.[ \t]*{_KEY}){{0,70}}[ \t]*"
_ASSIGNMENT = re.compile(rf"{_KEYS}=")
_HEADER = re.compile(rf"[ \t]*\[\[?{_KEYS}(?:\]\]?[ \t]*(?:#[^\n]*)?)?\r?(?:\n|\Z)")
_HEADER_BEHIND = re.compile(r"\S\[[\w.-]{1,200}\][ \t]*\r?$", re.MULTILINE)
_LIKE_HEADER = re.compile(r"[ \t]*(?:\[|[\w.-]{1,200}\])")
_NO_CONTENT = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?\Z")
_IS_OPEN = "(at end of document)"
_LIKE_STATEMENT = re.compile(rf"{_KEYS}[=:]|{_LIKE_HEADER.pattern}")
_WORD = re.compile(r"\w+")
_LONG_QUOTE = re.compile(r"\"\"\"|'''")


@dataclass(slots=True)
class Cuts:
    """What was cut: values by the offset of the `0` in their place, with their stretch; the offsets of the
    headers of tables that may have lost keys, or their paths; all words that were cut; and whether all
    outer tables may have lost keys.
    """

    values: dict[int, tuple[int, int]] = field(default_factory=dict)
    tables: set[int] = field(default_factory=set)
    paths: set[Path] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    anywhere: bool = False
    is_checked: bool = False

    def incomplete(self, index: Index) -> frozenset[Path]:
        """The paths of the tables that may have lost keys."""
        found = self.paths | {index.tables.get(offset, ()) for offset in self.tables}
        if self.anywhere:
            found |= {path for path in index.values if len(path) == 1} | {()}
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Statement:
    """A stretch of lines; `table` is the offset of the header above, -1 for none."""

    start: int
    end: int
    table: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The first offset, and the one behind the last."""
        return self.start, self.end


def without_broken_statements(source: Source, text: str, cuts: Cuts, report: Report) -> str:
    """The text with blanks for what `tomllib` refuses, statement by statement, which is reported."""
    cuts.is_checked = True
    broken, faults = -1, 0
    if len(text) > LONGEST:
        return text
    for statement in _statements(text):
        problem = _problem(text[statement.start : statement.end])
        if problem is None:
            continue
        if statement.start == broken and not _LIKE_STATEMENT.match(text, *statement.bounds):
            # The rest of the one above.
            text = _blank(text, *statement.bounds)
            broken = statement.end
            continue
        broken = statement.end
        faults += 1
        # The same with its line number, and nothing behind that could be taken for a part of it.
        above = "\n" * text.count("\n", 0, statement.start)
        alone = Source(source.path, source.text[: statement.end])
        report.add(diagnose(alone, _problem(above + text[statement.start : statement.end]) or problem))
        cuts.words.update(_WORD.findall(text, statement.start, _table_end(text, statement)))
        text = _cut(text, statement, cuts, is_open=_IS_OPEN in problem)
        if faults == _MOST_FAULTS or not text[statement.end :].strip():
            break
    return text


def without_value(text: str, offset: int, cuts: Cuts) -> str:
    """The text without the value, or the table, of the statement at the offset."""
    for statement in [one for one in _statements(text) if one.start <= offset < one.end]:
        cuts.words.update(_WORD.findall(text, statement.start, _table_end(text, statement)))
        text = _cut(text, statement, cuts, is_open=False)
    return text


def without_statement(text: str, offset: int, index: Index, cuts: Cuts) -> str:
    """The text with blanks for the statement at the offset; of a header, for its whole table."""
    found = [statement for statement in _statements(text) if statement.start <= offset < statement.end]
    for statement in found:
        cuts.words.update(_WORD.findall(text, statement.start, _table_end(text, statement)))
        text = _blank(text, statement.start, _table_end(text, statement))
        if statement.start == statement.table:
            cuts.paths.add(index.tables[statement.start])
    return text


def _problem(text: str) -> str | None:
    """Why `tomllib` refuses a text; None if it does not, or not for its syntax."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return str(error)
    except (ValueError, RecursionError):
        return None
    return None


def _statements(text: str, at: int = 0) -> Iterator[_Statement]:
    """The statements by their lines, from the line that begins at `at`. A value that is open at the end of
    its line goes on until it is closed, or a line looks like another statement.
    """
    table = -1
    while at < len(text):
        line = _LINE.match(text, at)
        assert line is not None
        end = line.end()
        if _NO_CONTENT.match(text, at, end):
            at = end
            continue
        if _LIKE_HEADER.match(text, at, end):
            table = at
        elif _ASSIGNMENT.match(text, at, end) and _IS_OPEN in (_problem(text[at:end]) or ""):
            end = _end_of_value(text, at, end)
        yield _Statement(at, end, table)
        at = end


def _end_of_value(text: str, start: int, end: int) -> int:
    """Where an open value ends that begins before `end`, the end of a line."""
    quote = _LONG_QUOTE.search(text, start, end)
    if quote:
        closing = text.find(quote[0], quote.end())
        line_end = text.find("\n", closing) + 1 or len(text)
        # Open to the end, or to the beginning of the next such text: all that follows is a part of it.
        return line_end if closing >= 0 and _problem(text[start:line_end]) is None else len(text)
    while end < len(text):
        line = _LINE.match(text, end)
        assert line is not None
        if _ASSIGNMENT.match(text, end, line.end()) or _HEADER.match(text, end, line.end()):
            break
        end = line.end()
    return end


def _cut(text: str, statement: _Statement, cuts: Cuts, *, is_open: bool) -> str:
    start, end, table = statement.start, statement.end, statement.table
    if start == table or _HEADER_BEHIND.search(text, start, end):
        # Whose keys those of a broken header are is not known.
        cuts.anywhere = True
        return _blank(text, start, _table_end(text, _Statement(start, end, start)))
    if text.count("\n", start, end) > 1 or is_open:
        # Lines of it may have been meant to be statements.
        cuts.tables.add(table)
    if end == len(text) and is_open:
        cuts.anywhere = True
    key = _ASSIGNMENT.match(text, start, end)
    written = text[key.end() : end] if key else ""
    first_line = written.split("\n")[0].rstrip("\r")
    if not key or not written.strip() or not first_line:
        cuts.tables.add(table)
        return _blank(text, start, end)
    place = key.end() + len(written) - len(written.lstrip())
    cuts.values[key.end()] = (place, key.end() + len(written.rstrip()))
    return f"{text[: key.end()]}0{_blank(text, key.end() + 1, end)[key.end() + 1 :]}"


def _table_end(text: str, statement: _Statement) -> int:
    """Where the table ends that the statement heads; where the statement ends if it heads none."""
    if statement.start != statement.table:
        return statement.end
    following = _statements(text, statement.end)
    return next((other.start for other in following if other.start == other.table), len(text))


def _blank(text: str, start: int, end: int) -> str:
    blank = "".join(sign if sign in "\r\n" else " " for sign in text[start:end])
    return text[:start] + blank + text[end:]
