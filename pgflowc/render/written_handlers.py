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
Definition = Function | ast.ClassDef | ast.Lambda
"""What may stand where a handler is expected: a lambda is one that is assigned to a name."""


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
    def takes_everything(self) -> bool:
        """Whether a star import brings names that are not known here, as all do but that of the generated
        module.
        """
        return any(_is_star(node) and not self._is_generated(node) for node in ast.walk(self.tree))

    @cached_property
    def takes_generated(self) -> bool:
        """Whether a star import brings the names of the generated module."""
        return any(_is_star(node) and self._is_generated(node) for node in self.tree.body)

    @cached_property
    def certain(self) -> dict[str, Definition | ast.alias]:
        """What names stand for once the module is imported: functions, classes, lambdas, and imports from the
        generated module. Names that anything else may bind after that are missing.
        """
        found: dict[str, Definition | ast.alias] = {}
        for node in self.tree.body:
            for name in bound_names(ast.Module([node], [])) | _deleted(node):
                found.pop(name, None)
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    found[node.name] = node
                case ast.Assign(targets=[ast.Name(name)], value=ast.Lambda() as value):
                    found[name] = value
                case ast.AnnAssign(target=ast.Name(name), value=ast.Lambda() as value):
                    found[name] = value
                case ast.ImportFrom(names=names) if self._is_generated(node):
                    found |= {alias.asname or alias.name: alias for alias in names if alias.name != "*"}
                case ast.ImportFrom() if _is_star(node):
                    found.clear()
        return found

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
            if isinstance(node, ast.ImportFrom) and self._is_generated(node)
            for alias in node.names
        }

    @cached_property
    def uses(self) -> Counter[str]:
        """How often each name is read, in quoted annotations too."""
        return Counter(_read(self.tree))

    def name_span(self, definition: Function | ast.ClassDef) -> Span:
        """The place of a function's or class's name."""
        line = self._lines[definition.lineno - 1]
        start = _characters(line, definition.col_offset)
        found = re.compile(rf"\b(?:def|class)\s+({re.escape(definition.name)})").search(line, start)
        column = found.start(1) if found else start
        return self._span(definition.lineno, column, column + len(definition.name))

    def definition_span(self, definition: Definition) -> Span:
        """The place to point at: the name, or a lambda as a whole."""
        if isinstance(definition, ast.Lambda):
            return self.node_span(definition)
        return self.name_span(definition)

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

    def _is_generated(self, node: ast.AST) -> bool:
        return isinstance(node, ast.ImportFrom) and node.module == self.generated and not node.level

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


def _is_star(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _deleted(node: ast.AST) -> set[str]:
    """The names that a statement unbinds."""
    return {
        name.id
        for statement in ast.walk(node)
        if isinstance(statement, ast.Delete)
        for name in statement.targets
        if isinstance(name, ast.Name)
    }


def _read(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _QUOTED.fullmatch(node.value):
            yield from re.findall(r"\w+", node.value)
