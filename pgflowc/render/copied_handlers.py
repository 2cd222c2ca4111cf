"""A file of handlers as the file of a former version: what it imports from its generated module comes from
the module of that version, and not a byte else differs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper, PositionProvider

from pgflowc.render.imports import from_import
from pgflowc.render.layout import WIDTH


def copy_handlers(text: str, package: str, module: str, copy: str) -> str:
    """`handlers/<module>.py` as `handlers/<copy>.py`.

    Raises SyntaxError for what libcst cannot parse.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    source = text.removeprefix(mark)
    try:
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    except cst.ParserSyntaxError as error:
        where = (None, error.editor_line, error.editor_column, None)
        raise SyntaxError(error.message.split("\n")[0], where) from error
    renaming = _Renaming(package, module, copy)
    wrapper.visit(renaming)
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", source)
    # From the end, so that the places before it stay what they are.
    for (line, column), (_, end), replacement in sorted(renaming.edits, reverse=True):
        found = lines[line - 1]
        lines[line - 1] = _fitting(found[:column] + replacement + found[end:])
    return mark + "".join(lines)


def _fitting(line: str) -> str:
    """An import of plain names that has become too long, over several lines."""
    body = line.rstrip("\r\n")
    found = re.fullmatch(r"from ([\w.]+) import (\w+(?:, \w+)*)", body)
    if found is None or len(body) <= WIDTH:
        return line
    newline = line[len(body) :]
    return from_import(found[1], found[2].split(", ")).replace("\n", newline or "\n") + newline


_Place = tuple[int, int]


class _Renaming(cst.CSTVisitor):
    """Finds the names to replace; no import path that Python allows goes over several lines without need, and
    those that do are left alone.
    """

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, package: str, module: str, copy: str) -> None:
        super().__init__()
        self._generated = f"{package}._generated"
        self._package = package
        self._module = module
        self._copy = copy
        self._attributes: set[str] = set()
        self.edits: list[tuple[_Place, _Place, str]] = []

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:  # noqa: N802 - called by libcst
        """`from shop._generated.order import ...`, `from shop._generated import order`, and relative ones."""
        origin = self._origin(node)
        if origin == f"{self._generated}.{self._module}" and node.module is not None:
            self._replace(_last(node.module))
        elif origin == self._generated and not isinstance(node.names, cst.ImportStar):
            self._rename_members(node.names)

    def visit_Import(self, node: cst.Import) -> None:  # noqa: N802 - called by libcst
        """`import shop._generated.order`, with and without `as`."""
        for alias in node.names:
            if get_full_name_for_node(alias.name) == f"{self._generated}.{self._module}":
                self._replace(_last(alias.name))
                if alias.asname is None:
                    self._attributes.add(f"{self._generated}.{self._module}")

    def visit_Attribute(self, node: cst.Attribute) -> None:  # noqa: N802 - called by libcst
        """`shop._generated.order.Order`, where the module was imported so."""
        if self._attributes and get_full_name_for_node(node) in self._attributes:
            place = self._place(node.attr)
            if all(place != one for one, _, _ in self.edits):
                self._replace(node.attr)

    def _origin(self, node: cst.ImportFrom) -> str | None:
        """The absolute name of the module that a statement of `<package>.handlers.<module>` imports from."""
        name = get_full_name_for_node(node.module) if node.module is not None else ""
        if not node.relative:
            return name
        above = f"{self._package}.handlers".split(".")
        kept = above[: len(above) - (len(node.relative) - 1)]
        return ".".join([*kept, *([name] if name else [])])

    def _rename_members(self, names: Sequence[cst.ImportAlias]) -> None:
        for alias in names:
            if isinstance(alias.name, cst.Name) and alias.name.value == self._module:
                as_ = "" if alias.asname is not None else f" as {self._module}"
                self._replace(alias.name, as_)

    def _replace(self, node: cst.CSTNode, suffix: str = "") -> None:
        position = self.get_metadata(PositionProvider, node)
        start = (position.start.line, position.start.column)
        self.edits.append((start, (position.end.line, position.end.column), self._copy + suffix))

    def _place(self, node: cst.CSTNode) -> _Place:
        start = self.get_metadata(PositionProvider, node).start
        return (start.line, start.column)


def _last(name: cst.Attribute | cst.Name) -> cst.Name:
    return name.attr if isinstance(name, cst.Attribute) else name
