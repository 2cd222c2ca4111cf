"""Where every key and value of a TOML text stands, by key path; `tomllib` reads values but gives no
positions.

The scan trusts the text: where it meets something unexpected it stops, and leaves the verdict to `tomllib`.
Only nesting is judged here, because `tomllib` recurses into it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

from pgflowc.document.model import Path, Place
from pgflowc.document.source import Source

MAX_DEPTH = 64
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'  # up to two quotes may stand before the closing three
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_WORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+|[^\s,\[\]{}#=]+")
_ESCAPE = re.compile(r'\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[btnfre"\\])')
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


class TooDeepError(Exception):
    """Nesting beyond MAX_DEPTH, at an offset."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class _UnexpectedError(Exception):
    """Something that is no TOML, or that the scan does not know."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A header, or a `key = value`: where it stands, its keys as written, and the path of table or value."""

    start: int
    end: int
    is_header: bool
    parts: tuple[tuple[str, Place], ...]
    path: Path


@dataclass(slots=True)
class Index:
    """Places by path: `keys` of keys, `values` of values (of a table: its header). `repeated`: key, first and
    second. `tables`: the path of a table by the offset of its header. `statements` are those of the text, in
    order.
    """

    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    repeated: list[tuple[str, Place, Place]] = field(default_factory=list)
    tables: dict[int, Path] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)


def index_of(source: Source) -> Index:
    """The index of a text, complete if the text is valid TOML. Raises TooDeepError."""
    scanner = _Scanner(source)
    with suppress(_UnexpectedError):  # tomllib says what is wrong
        scanner.scan()
    return scanner.index


class _Scanner:
    def __init__(self, source: Source) -> None:
        self.index = Index()
        self._source = source
        self._text = source.text
        self._at = 0
        self._table: Path = ()
        self._defined: dict[Path, Place] = {}
        self._array_lengths: dict[Path, int] = {}

    def scan(self) -> None:
        """Statement by statement to the end."""
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return
            if self._text.startswith("[", self._at):
                self._header()
            else:
                start = self._at
                parts, path = self._key_and_value(self._table, len(self._table) + 1)
                self.index.statements.append(Statement(start, self._at, False, tuple(parts), path))

    def _header(self) -> None:
        start = self._at
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        parts = self._key()
        self._expect("]" * brackets)
        place = Place(self._source, start, self._at)
        path = self._enter((), parts[:-1], place)
        name, key_place = parts[-1]
        path = (*path, name)
        if brackets == 2:
            number = self._array_lengths.get(path, 0)
            self._array_lengths[path] = number + 1
            self.index.keys.setdefault(path, key_place)
            self.index.values.setdefault(path, place)
            self._table = (*path, number)
            self.index.values[self._table] = place
        else:
            if path in self._array_lengths:
                raise _UnexpectedError
            self._define(path, key_place)
            self.index.keys[path] = key_place
            self.index.values[path] = place
            self._table = path
        self.index.tables[start] = self._table
        self.index.statements.append(Statement(start, self._at, True, tuple(parts), self._table))

    def _enter(self, base: Path, parts: list[tuple[str, Place]], place: Place) -> Path:
        """The table that the parts lead to from `base`; an array of tables stands for its last one."""
        path = base
        for name, key_place in parts:
            path = (*path, name)
            self.index.keys.setdefault(path, key_place)
            self.index.values.setdefault(path, place)
            if path in self._array_lengths:
                path = (*path, self._array_lengths[path] - 1)
        return path

    def _define(self, path: Path, place: Place) -> None:
        first = self._defined.setdefault(path, place)
        if first is not place:
            self.index.repeated.append((str(path[-1]), first, place))

    def _key_and_value(self, base: Path, depth: int) -> tuple[list[tuple[str, Place]], Path]:
        """One `key = value`, its keys and its path; `depth` is that of the value."""
        parts = self._key()
        self._expect("=")
        self._skip(_SPACE)
        whole = Place(self._source, parts[0][1].start, parts[-1][1].end)
        path = (*self._enter(base, parts[:-1], whole), parts[-1][0])
        repeated = path in self._defined
        self._define(path, parts[-1][1])
        if not repeated:
            self.index.keys[path] = parts[-1][1]
        self._value(path, depth + len(parts) - 1)
        return parts, path

    def _key(self) -> list[tuple[str, Place]]:
        parts: list[tuple[str, Place]] = []
        while True:
            self._skip(_SPACE)
            start = self._at
            if len(parts) >= MAX_DEPTH:
                raise TooDeepError(start)
            quoted = _STRING.match(self._text, start) if self._text.startswith(('"', "'"), start) else None
            bare = _BARE_KEY.match(self._text, start)
            if quoted:
                name = _unquoted(quoted[0])
                self._at = quoted.end()
            elif bare:
                name = bare[0]
                self._at = bare.end()
            else:
                raise _UnexpectedError
            parts.append((name, Place(self._source, start, self._at)))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: Path, depth: int) -> None:
        start = self._at
        if depth > MAX_DEPTH:
            raise TooDeepError(start)
        if self._text.startswith("[", start):
            self._array(path, depth)
        elif self._text.startswith("{", start):
            self._inline_table(path, depth)
        else:
            found = (_STRING if self._text.startswith(('"', "'"), start) else _WORD).match(self._text, start)
            if found is None:
                raise _UnexpectedError
            self._at = found.end()
        self.index.values[path] = Place(self._source, start, self._at)

    def _array(self, path: Path, depth: int) -> None:
        self._at += 1
        number = 0
        self._skip(_BLANK)
        while not self._text.startswith("]", self._at):
            self._value((*path, number), depth + 1)
            number += 1
            self._skip(_BLANK)
            if not self._text.startswith("]", self._at):
                self._expect(",")
                self._skip(_BLANK)
        self._at += 1

    def _inline_table(self, path: Path, depth: int) -> None:
        self._at += 1
        self._skip(_BLANK)
        while not self._text.startswith("}", self._at):
            self._key_and_value(path, depth + 1)
            self._skip(_BLANK)
            if not self._text.startswith("}", self._at):
                self._expect(",")
                self._skip(_BLANK)
        self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _expect(self, token: str) -> None:
        self._skip(_SPACE)
        if not self._text.startswith(token, self._at):
            raise _UnexpectedError
        self._at += len(token)


def _unquoted(written: str) -> str:
    """The text of a quoted key."""
    if written.startswith("'"):
        return written[1:-1]
    return _ESCAPE.sub(
        lambda found: _ESCAPED.get(found[1]) or chr(min(int(found[1][1:], 16), 0x10FFFF)), written[1:-1]
    )
