"""Spec files in the usual form: keys in the order of the documentation, two blanks of indentation, double
quotes, one blank line at most; every comment stays with what it stood at. This prints YAML, `toml_formatter`
TOML.

The text is printed from the parsed nodes, and parsed again: a text that would not mean the same, or would
miss a comment, is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pgflowc.diagnostics import Report
from pgflowc.document import Document, Mapping, Node, Path, Refused, Scalar, Sequence, parse
from pgflowc.document.comments import text_test
from pgflowc.document.source import Source
from pgflowc.spec.comments import Comment, all_comments, blank_before, comment_lines, comments_in, first_lost
from pgflowc.spec.layout import INDENT, WIDTH, UnformattableError, indented, ordered, quoted

_SEPARATOR = re.compile(r"^---([^\r\n]*)$", re.MULTILINE)
_END = re.compile(r"^\.\.\.[ \t]*(?:(?P<comment>#[^\n]*\n?)|\n|\Z)", re.MULTILINE)
_DIRECTIVE = re.compile(r"^%[^\n]*", re.MULTILINE)
_MODELINE = ("# yaml-language-server", "#!", "# -*-")


def formatted(path: str, text: str) -> str:
    """The text in the usual form; the same for a text that is. Raises UnformattableError.

    The text must parse: see `document.parse`.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = Source(path, text)
    report = Report()
    documents = parse(path, text, report)
    if report.has_errors or not documents:
        raise UnformattableError("it does not parse: see pgflowc validate")
    pretty = "\n".join(_lines(source, documents)) + "\n"
    again = Report()
    parsed = parse(path, pretty, again)
    same = [_plain(one.root) for one in parsed] == [_plain(one.root) for one in documents]
    if again.has_errors or not same:
        raise UnformattableError("it is laid out in a way that cannot be kept")
    lost = first_lost(all_comments(source, documents), all_comments(Source(path, pretty), parsed))
    if lost:
        line = source.position(lost.offset).line
        raise UnformattableError(f"the comment in line {line} stands where it could not stay")
    return pretty


def _lines(source: Source, documents: tuple[Document, ...]) -> Iterator[str]:
    if source.path.lower().endswith(".toml"):
        from pgflowc.spec.toml_formatter import toml_lines

        return toml_lines(source, documents[0], text_test(documents, source))
    if _END.search(source.text):
        source = Source(source.path, _without_ends(source, text_test(documents, source)))
        documents = parse(source.path, source.text, Report())
    return _printed(source, documents)


def _without_ends(source: Source, is_text: Callable[[int, int], bool]) -> str:
    """The text without lines that end documents, but for comments on them: what follows begins with `---`."""
    return _END.sub(
        lambda found: found[0] if is_text(source.position(found.start()).line, 1) else found["comment"] or "",
        source.text,
    )


def _printed(source: Source, documents: Iterable[Document]) -> Iterator[str]:
    is_text = text_test(documents, source)
    separators = [
        found
        for found in _SEPARATOR.finditer(source.text)
        if not is_text(source.position(found.start()).line, 1)
    ]
    for number, document in enumerate(documents):
        before = [found for found in separators if found.start() < document.root.start]
        note = before[-1][1].strip() if before else ""
        if note and not note.startswith("#"):
            raise UnformattableError("something follows a '---' on its line")
        after = [found for found in separators if found.start() > document.root.start]
        start = before[-1].end() if before else 0
        end = after[0].start() if after else len(source.text)
        if number == 0 and before:
            yield from (
                found[0].rstrip() for found in _DIRECTIVE.finditer(source.text, 0, before[-1].start())
            )
            above = comments_in(source, (0, before[-1].start()), is_text)
            yield from comment_lines(above, "", first=True)
        if number or before:
            yield f"---  {note}".rstrip()
        yield from _Printer(document, comments_in(source, (start, end), is_text)).lines()


@dataclass(slots=True, eq=False)
class _Anchor:
    """An entry of a mapping or an item of a list in block style, and the comments that stay with it."""

    start: int
    column: int
    parent: _Anchor | None
    blank: bool
    leading: list[Comment] = field(default_factory=list)
    trailing: list[Comment] = field(default_factory=list)
    after: list[Comment] = field(default_factory=list)


class _Printer:
    """Prints one document."""

    def __init__(self, document: Document, comments: list[Comment]) -> None:
        self._document = document
        self._text = document.source.text
        self._anchors: dict[tuple[int, str | int], _Anchor] = {}
        self._inner: list[Comment] = []
        self._header: list[Comment] = []
        self._footer: list[Comment] = []
        self._ends_empty = False
        self._collect(document.root, None)
        self._attach(comments)

    def lines(self) -> Iterator[str]:
        """The lines of the document, without separators."""
        yield from comment_lines(self._header, "", first=True)
        if self._header and self._gap_after_header:
            yield ""
        root = self._document.root
        yield from self._block(root, 0, ()) if self._is_block(root) else self._value(root, 0, ())
        yield from comment_lines(self._footer, "", first=False)

    def _is_block(self, node: Node) -> bool:
        if isinstance(node, Mapping):
            return bool(node.entries) and self._text[node.start] != "{"
        return isinstance(node, Sequence) and bool(node.items) and self._text[node.start] != "["

    # Where comments belong.

    def _collect(self, node: Node, parent: _Anchor | None) -> None:
        if not self._is_block(node):
            return
        column = self._column(node.start)
        if isinstance(node, Mapping):
            for key, entry in node.entries.items():
                anchor = self._anchor(entry.key_place.start, column, parent)
                self._anchors[id(node), key] = anchor
                self._collect(entry.value, anchor)
        elif isinstance(node, Sequence):
            for number, item in enumerate(node.items):
                anchor = self._anchor(item.start, column, parent)
                self._anchors[id(node), number] = anchor
                self._collect(item, anchor)

    def _anchor(self, start: int, column: int, parent: _Anchor | None) -> _Anchor:
        return _Anchor(start, column, parent, blank_before(self._text, start))

    def _attach(self, comments: list[Comment]) -> None:
        # Of an item and its first key, which begin at the same place, the item comes first.
        anchors = sorted(self._anchors.values(), key=lambda anchor: anchor.start)
        starts = [anchor.start for anchor in anchors]
        flows = sorted((node.start, node.end) for node in self._flow_nodes())
        flow_starts = [start for start, _ in flows]
        for comment in comments:
            inside = bisect_left(flow_starts, comment.offset) - 1
            if inside >= 0 and comment.offset < flows[inside][1]:
                self._inner.append(comment)
                continue
            place = bisect_left(starts, comment.offset)
            before = anchors[place - 1 : place] if place else []
            following = anchors[place] if place < len(anchors) else None
            if not comment.alone:
                (before[-1].trailing if before else self._header).append(comment)
            elif following is not None and comment.column <= following.column:
                following.leading.append(comment)
            elif before and comment.column:
                holder: _Anchor = before[-1]
                while holder.parent is not None and holder.column > comment.column:
                    holder = holder.parent
                holder.after.append(comment)
            else:
                self._footer.append(comment)
        self._gap_after_header = False
        if anchors:
            self._take_header(anchors[0])

    def _take_header(self, first: _Anchor) -> None:
        """Comments at the top that an empty line separates from the first key belong to the file."""
        flags = [*(comment.blank for comment in first.leading[1:]), first.blank]
        ends = [
            number + 1
            for number, comment in enumerate(first.leading)
            if flags[number] or comment.text.startswith(_MODELINE)
        ]
        if ends:
            self._gap_after_header = flags[ends[-1] - 1]
            self._header += first.leading[: ends[-1]]
            del first.leading[: ends[-1]]

    def _flow_nodes(self) -> Iterator[Node]:
        waiting = [self._document.root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Mapping | Sequence) and not self._is_block(node):
                yield node
            elif isinstance(node, Mapping):
                waiting.extend(entry.value for entry in node.entries.values())
            elif isinstance(node, Sequence):
                waiting.extend(node.items)

    def _column(self, offset: int) -> int:
        return offset - (self._text.rfind("\n", 0, offset) + 1)

    # Printing.

    def _block(self, node: Node, indent: int, path: Path) -> Iterator[str]:
        """The lines of a mapping or list in block style."""
        keys: list[str | int] = []
        if isinstance(node, Mapping):
            keys = list(ordered(node.entries, path))
        elif isinstance(node, Sequence):
            keys = list(range(len(node.items)))
        for place, key in enumerate(keys):
            anchor = self._anchors[id(node), key]
            margin = " " * indent
            opening = anchor.leading[0].blank if anchor.leading else anchor.blank
            # What ends with empty lines that count must not get another one.
            if opening and place and not self._ends_empty:
                yield ""
            self._ends_empty = False
            yield from comment_lines(anchor.leading, margin, first=True)
            if anchor.leading and anchor.blank:
                yield ""
            if isinstance(node, Mapping):
                yield from self._entry(node, str(key), anchor, indent, (*path, key))
            elif isinstance(node, Sequence):
                yield from self._item(node.items[int(key)], anchor, indent, (*path, key))
            yield from comment_lines(anchor.after, margin, first=False)

    def _entry(self, node: Mapping, key: str, anchor: _Anchor, indent: int, path: Path) -> Iterator[str]:
        entry = node.entries[key]
        written = entry.key_place
        head = " " * indent + quoted(written.text, key, isinstance(written, Scalar) and written.plain) + ":"
        note = "".join(f"  {comment.text}" for comment in anchor.trailing)
        if self._is_block(entry.value):
            yield head + note
            yield from self._block(entry.value, indent + INDENT, path)
            return
        first, *rest = self._value(entry.value, indent, path, room=WIDTH - len(head) - 1)
        lines = [f"{head} {first}".rstrip(), *rest]
        # The comment of a text over several lines stands before them, or it would be part of the text.
        yield from _with_note(lines, note)

    def _item(self, item: Node, anchor: _Anchor, indent: int, path: Path) -> Iterator[str]:
        margin = " " * indent
        note = "".join(f"  {comment.text}" for comment in anchor.trailing)
        if self._is_block(item):
            if note:
                raise UnformattableError("a comment follows a dash")
            first, *rest = self._block(item, indent + INDENT, path)
            yield f"{margin}- {first[indent + INDENT :]}"
            yield from rest
            return
        first, *rest = self._value(item, indent, path, room=WIDTH - indent - INDENT)
        yield from _with_note([f"{margin}- {first}".rstrip(), *rest], note)

    def _value(self, node: Node, indent: int, path: Path, room: int = WIDTH) -> list[str]:
        """A text, or a collection in brackets: the first line without indentation."""
        if isinstance(node, Scalar):
            return self._scalar(node, indent)
        one_line = self._flow(node, path)
        place = bisect_left(self._inner, node.start, key=lambda comment: comment.offset)
        has_comment = place < len(self._inner) and self._inner[place].offset < node.end
        is_long = "\n" in node.text and len(one_line) > room
        if not has_comment and not is_long:
            return [one_line]
        return indented(node.text, indent)

    def _flow(self, node: Node, path: Path) -> str:
        """A collection in brackets on one line."""
        if isinstance(node, Mapping):
            parts = []
            for key in ordered(node.entries, path):
                entry = node.entries[key]
                plain = isinstance(entry.key_place, Scalar) and entry.key_place.plain
                name = quoted(entry.key_place.text, key, plain)
                value = self._flow(entry.value, (*path, key))
                parts.append(f"{name}: {value}" if value else f"{name}: ")
            return "{" + ", ".join(parts) + "}"
        if isinstance(node, Sequence):
            return "[" + ", ".join(self._flow(item, (*path, n)) for n, item in enumerate(node.items)) + "]"
        if isinstance(node, Scalar):
            return " ".join(quoted(node.text, node.value, node.plain).split("\n"))
        raise UnformattableError("it holds something that is no part of the language")

    def _scalar(self, node: Scalar, indent: int) -> list[str]:
        if node.text[:1] in ("|", ">") and not node.plain:
            lines = _block_text(node.text, str(node.value), indent)
            self._ends_empty = lines[-1] == ""
            return lines
        return indented(quoted(node.text, node.value, node.plain), indent)


def _block_text(written: str, value: str, indent: int) -> list[str]:
    """A text in block style (`|` or `>`), its lines set anew; empty lines at its end stay if they count."""
    header, *lines = written.rstrip("\n\r").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    indicators, _, comment = header.partition(" ")
    first = next((line for line in lines if line.strip()), "")
    wanted = next((line for line in value.split("\n") if line.strip()), "")
    margin = _margin(first) - _margin(wanted)
    empty = len(value) - len(value.rstrip("\n")) - 1 if "+" in indicators else 0
    chomping = "-" if "-" in indicators else "+" if empty > 0 else ""
    header = f"{indicators[0]}{INDENT if wanted.startswith(' ') else ''}{chomping} {comment}".rstrip()
    inside = [line[margin:].rstrip("\r") for line in lines]
    return [header, *(f"{' ' * (indent + INDENT)}{line}" if line else "" for line in inside), *[""] * empty]


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _with_note(lines: list[str], note: str) -> list[str]:
    if not note:
        return lines
    if len(lines) > 1 and lines[-1].rstrip()[-1:] not in "]}":
        raise UnformattableError("a comment follows a text of several lines")
    return [*lines[:-1], lines[-1] + note]


def _plain(node: Node) -> Any:
    """The node as Python data: the types of values count, the order of keys does not."""
    if isinstance(node, Scalar):
        return (type(node.value).__name__, node.value)
    if isinstance(node, Mapping):
        return {key: _plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    assert isinstance(node, Refused)
    raise UnformattableError("it holds something that is no part of the language")
