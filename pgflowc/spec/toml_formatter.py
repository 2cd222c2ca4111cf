"""TOML specs in the usual form, statement by statement; see `formatter`, which checks what comes of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pgflowc.document import Document, Mapping, Node, Path, Scalar, Sequence
from pgflowc.document.source import Source
from pgflowc.document.toml_index import Statement, index_of
from pgflowc.spec.comments import Comment, blank_before, comment_lines, comments_in
from pgflowc.spec.layout import INDENT, WIDTH, UnformattableError, ordered, quoted

_LONG_QUOTES = ('"""', "'''")


def toml_lines(source: Source, document: Document, is_text: Callable[[int, int], bool]) -> Iterator[str]:
    """The lines of a document. Raises UnformattableError."""
    yield from _Printer(source, document, comments_in(source, (0, len(source.text)), is_text)).lines()


@dataclass(slots=True, eq=False)
class _Line:
    """A statement with the comments above it and beside it, after an empty line if `blank`."""

    statement: Statement
    blank: bool
    leading: list[Comment] = field(default_factory=list)
    trailing: list[Comment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Table:
    """A table: its header, None for what stands above all of them, its lines, and the comments below."""

    header: _Line | None
    lines: list[_Line] = field(default_factory=list)
    after: list[Comment] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The names of the tables around it and its own."""
        return self.header.statement.path if self.header else ()


class _Printer:
    def __init__(self, source: Source, document: Document, comments: list[Comment]) -> None:
        self._source = source
        self._document = document
        self._top: list[Comment] = []
        self._inner: list[Comment] = []
        self._tables = [_Table(None)]
        self._collect(comments)

    def lines(self) -> Iterator[str]:
        """The lines, in order."""
        yield from comment_lines(self._top, "", first=True)
        first, *others = self._tables
        is_first = not self._top
        # Tables of one step, or of what belongs to one key, stay as they follow each other.
        names = {table.path[0]: None for table in others if isinstance(table.path[0], str)}
        order = {name: place for place, name in enumerate(ordered(names, ()))}
        for table in (first, *sorted(others, key=lambda table: order[str(table.path[0])])):
            lines = list(self._table(table))
            if lines and not is_first:
                yield ""
            is_first = is_first and not lines
            yield from lines

    # Where comments belong.

    def _collect(self, comments: list[Comment]) -> None:
        statements = index_of(self._source).statements
        ends = [statement.end for statement in statements]
        leading: list[list[Comment]] = [[] for _ in range(len(statements) + 1)]
        trailing: list[list[Comment]] = [[] for _ in statements]
        for comment in comments:
            place = bisect_left(ends, comment.offset)
            if place < len(statements) and statements[place].start < comment.offset:
                self._inner.append(comment)
            elif comment.alone or not place:
                leading[place].append(comment)
            else:
                trailing[place - 1].append(comment)
        for place, statement in enumerate(statements):
            above, blank = leading[place], blank_before(self._source.text, statement.start)
            if not place:
                above = self._without_top(above, blank)
            if statement.is_header:
                # What an empty line separates from a header is about what is above it.
                flags = [*(comment.blank for comment in above[1:]), blank]
                own = next((n + 1 for n in reversed(range(len(flags) - 1)) if flags[n]), 0)
                own = len(above) if blank else own
                if place:
                    self._tables[-1].after += above[:own]
                    above = above[own:]
                self._tables.append(_Table(_Line(statement, blank, above, trailing[place])))
            else:
                self._tables[-1].lines.append(_Line(statement, blank, above, trailing[place]))
        self._tables[-1].after += leading[-1]

    def _without_top(self, above: list[Comment], blank: bool) -> list[Comment]:
        """The comments of the first statement; those above an empty line are about the file."""
        flags = [*(comment.blank for comment in above[1:]), blank]
        ends = [number + 1 for number, flag in enumerate(flags[: len(above)]) if flag]
        self._top = above[: ends[-1]] if ends else []
        return above[len(self._top) :]

    # Printing.

    def _table(self, table: _Table) -> Iterator[str]:
        header = table.header
        if header:
            yield from comment_lines(header.leading, "", first=True)
            brackets = 2 if self._source.text.startswith("[[", header.statement.start) else 1
            name = self._name(header.statement)
            yield "[" * brackets + name + "]" * brackets + _note(header)
        by_key: dict[str, list[_Line]] = {}
        for line in table.lines:
            by_key.setdefault(str(line.statement.path[len(table.path)]), []).append(line)
        lines = [line for key in ordered(by_key, self._plain_path(table.path)) for line in by_key[key]]
        for place, line in enumerate(lines):
            if place and (line.leading[0].blank if line.leading else line.blank):
                yield ""
            yield from comment_lines(line.leading, "", first=True)
            yield from self._assignment(line)
        if table.after and (lines or header):
            yield from comment_lines(table.after, "", first=False)

    def _plain_path(self, path: Path) -> Path:
        return tuple(step for step in path if isinstance(step, str))

    def _name(self, statement: Statement) -> str:
        names = (quoted(place.text, name, not _is_quoted(place.text)) for name, place in statement.parts)
        return ".".join(names)

    def _assignment(self, line: _Line) -> Iterator[str]:
        statement = line.statement
        node = self._document.find(*statement.path)
        assert node is not None
        head = f"{self._name(statement)} = "
        first, *rest = self._value(node, self._plain_path(statement.path), WIDTH - len(head))
        lines = [head + first, *rest]
        lines[-1] += _note(line)
        yield from lines

    def _value(self, node: Node, path: Path, room: int) -> list[str]:
        if "\n" not in node.text:
            return [self._flow(node, path)]
        if any(sign in node.text for sign in _LONG_QUOTES):
            return node.text.split("\n")
        place = bisect_left(self._inner, node.start, key=lambda comment: comment.offset)
        has_comment = place < len(self._inner) and self._inner[place].offset < node.end
        one_line = "" if has_comment else self._flow(node, path)
        if one_line and len(one_line) <= room:
            return [one_line]
        first, *middle, last = (line.strip() for line in node.text.split("\n"))
        inside = [" " * INDENT + line if line else "" for line in middle]
        return [first, *inside, last if last[:1] in ("]", "}") else " " * INDENT + last]

    def _flow(self, node: Node, path: Path) -> str:
        """A value on one line."""
        if isinstance(node, Mapping):
            parts = []
            for key in ordered(node.entries, path):
                entry = node.entries[key]
                name = quoted(entry.key_place.text, key, not _is_quoted(entry.key_place.text))
                parts.append(f"{name} = {self._flow(entry.value, (*path, key))}")
            return "{ " + ", ".join(parts) + " }" if parts else "{}"
        if isinstance(node, Sequence):
            return "[" + ", ".join(self._flow(item, (*path, n)) for n, item in enumerate(node.items)) + "]"
        if isinstance(node, Scalar):
            return quoted(node.text, node.value, node.plain)
        raise UnformattableError("it holds something that is no part of the language")


def _note(line: _Line) -> str:
    return "".join(f"  {comment.text}" for comment in line.trailing)


def _is_quoted(written: str) -> bool:
    return written.startswith(('"', "'"))
