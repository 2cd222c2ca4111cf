"""What a file of handlers holds, as far as its text alone tells: functions, imports, and their places."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pgflowc.diagnostics import Position, Span
from pgflowc.render.bound_names import bound_names
from pgflowc.render.python import parse_python

# What may be an annotation, or an entry of `__all__`.
_QUOTED = re.compile(r"[\w\[\], .|]{1,200}")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class WrittenHandlers:
    """A parsed file: `path` is how messages call it, `generated` the module that its types come from."""

    path: str
    text: str
    tree: ast.Module
    generated: str

    @cached_property
    def bound(self) -> frozenset[str]:
        """The names that the top level binds; `*` stands for those of a star import."""
        return bound_names(self.tree)

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions at the top level; of several with one name the last."""
        return {node.name: node for node in self.tree.body if isinstance(node, Function)}

    @cached_property
    def imported(self) -> dict[str, ast.alias]:
        """What the top level imports from the generated module, by the name it has here."""
        return {
            alias.asname or alias.name: alias
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom) and node.module == self.generated and not node.level
            for alias in node.names
        }

    @cached_property
    def uses(self) -> Counter[str]:
        """How often each name is read, in quoted annotations too."""
        return Counter(_read(self.tree))

    def name_span(self, function: Function) -> Span:
        """The place of a function's name."""
        line = self._lines[function.lineno - 1]
        start = _characters(line, function.col_offset)
        found = re.compile(rf"\bdef\s+({re.escape(function.name)})").search(line, start)
        column = found.start(1) if found else start
        return self._span(function.lineno, column, column + len(function.name))

    def node_span(self, node: ast.expr | ast.alias) -> Span:
        """The place of a node, of its first line if it has several."""
        line = self._lines[node.lineno - 1]
        start = _characters(line, node.col_offset)
        one_line = node.end_lineno == node.lineno and node.end_col_offset is not None
        end = _characters(line, node.end_col_offset or 0) if one_line else len(line)
        return self._span(node.lineno, start, end)

    def offsets(self, node: ast.expr | ast.arg) -> tuple[int, int]:
        """Where in `text` a node begins and ends."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def name_offset(self, function: Function) -> int:
        """Where in `text` the function's name begins."""
        return self._starts[function.lineno - 1] + self.name_span(function).start.column - 1

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + _characters(self._lines[line - 1], column)

    def _span(self, line: int, start: int, end: int) -> Span:
        return Span(self.path, Position(line, start + 1), Position(line, max(end, start + 1) + 1))

    @cached_property
    def _lines(self) -> list[str]:
        # Not splitlines, which knows more line ends than Python does.
        return re.split(r"\r\n|\r|\n", self.text)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", self.text))]


def read_handlers(path: str, text: str, generated: str) -> WrittenHandlers:
    """The file of that text, without byte order mark; `generated` is `shop._generated.orders`.

    Raises SyntaxError, ValueError or RecursionError if it is not Python.
    """
    return WrittenHandlers(path, text, parse_python(text), generated)


def _characters(line: str, column: int) -> int:
    """The parser counts bytes of UTF-8; this counts characters."""
    return column if line.isascii() else len(line.encode()[:column].decode("utf-8", "replace"))


def _read(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _QUOTED.fullmatch(node.value):
            yield from re.findall(r"\w+", node.value)
