"""Adds imports to a user's module: to a statement that imports from there already, or after the last one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import libcst as cst
from libcst.helpers import get_full_name_for_node

from pgflowc.render.imports import from_import

_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def add_imports(
    source: str, needed: Mapping[str, Iterable[str]], unused: Mapping[str, Collection[str]]
) -> tuple[str, str]:
    """`source` with the names of `needed`, by module, imported, and its line end; nothing else of it changes,
    except that names of `unused` go from statements that get others.

    Raises SyntaxError for Python that libcst cannot parse, such as one that is newer.
    """
    try:
        module = cst.parse_module(source)
    except cst.ParserSyntaxError as error:
        where = (None, error.editor_line, error.editor_column, None)
        raise SyntaxError(error.message.split("\n")[0], where) from error
    body = list(module.body)
    new: list[cst.SimpleStatementLine] = []
    for origin, names in needed.items():
        place = next((i for i, statement in enumerate(body) if _extensible(statement, origin)), None)
        if place is None:
            new.append(_parse(module, from_import(origin, names)))
        else:
            body[place] = _extended(module, body[place], origin, names, unused.get(origin, ()))
    return module.with_changes(body=_inserted(body, new)).code, module.default_newline


def _extensible(statement: _Statement, source: str) -> bool:
    """Whether the statement is `from source import a, b`, without comments that rewriting would lose."""
    found = _from_import(statement)
    if found is None or isinstance(found.names, cst.ImportStar) or found.relative:
        return False
    if found.module is None or get_full_name_for_node(found.module) != source:
        return False
    return "#" not in cst.Module([]).code_for_node(found)


def _extended(
    module: cst.Module, statement: _Statement, source: str, names: Iterable[str], unused: Collection[str]
) -> cst.SimpleStatementLine:
    assert isinstance(statement, cst.SimpleStatementLine)
    found = _from_import(statement)
    assert found is not None
    assert not isinstance(found.names, cst.ImportStar)
    present = [
        cst.Module([]).code_for_node(alias.with_changes(comma=cst.MaybeSentinel.DEFAULT))
        for alias in found.names
    ]
    written = _parse(module, from_import(source, {*present, *names} - {*unused}))
    return statement.with_changes(body=written.body)


def _from_import(statement: _Statement) -> cst.ImportFrom | None:
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        only = statement.body[0]
        return only if isinstance(only, cst.ImportFrom) else None
    return None


def _inserted(body: list[_Statement], new: list[cst.SimpleStatementLine]) -> list[_Statement]:
    if not new:
        return body
    after = 0
    for place, statement in enumerate(body, 1):
        if isinstance(statement, cst.FunctionDef | cst.ClassDef):
            break
        if _is_import(statement) or (place == 1 and _is_docstring(statement)):
            after = place
    if after and not _is_import(body[after - 1]):
        new[0] = new[0].with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    return [*body[:after], *new, *body[after:]]


def _is_import(statement: _Statement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[0], cst.Import | cst.ImportFrom
    )


def _is_docstring(statement: _Statement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Expr)
        and isinstance(statement.body[0].value, cst.SimpleString | cst.ConcatenatedString)
    )


def _parse(module: cst.Module, statement: str) -> cst.SimpleStatementLine:
    parsed = cst.parse_statement(statement, config=module.config_for_parsing)
    assert isinstance(parsed, cst.SimpleStatementLine)
    return parsed
