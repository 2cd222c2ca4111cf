"""Lays out Python expressions as `ruff format` would: one line if it fits, else one item per line.

The exploded form ends in a comma, which keeps formatters from joining it again; so the output is stable for
every line length from `WIDTH` up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 88
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Group:
    """Items in brackets after `head`: `head(a, b)`. `tail` follows the closing bracket.

    `lone_comma` writes the comma of a one-element tuple; `exploded` never uses one line.
    """

    head: str
    brackets: str
    items: tuple[Expression, ...]
    tail: str = ""
    lone_comma: bool = False
    exploded: bool = False


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A text and then an expression, such as a keyword argument."""

    prefix: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Union:
    """`A | B`."""

    members: tuple[Expression, ...]


Expression = str | Group | Prefixed | Union


def call(function: str, *arguments: Expression, exploded: bool = False) -> Group:
    """`function(arguments)`."""
    return Group(function, "()", arguments, exploded=exploded)


def subscript(name: str, *items: Expression) -> Group:
    """`name[items]`."""
    return Group(name, "[]", items)


def keyword(name: str, value: Expression) -> Prefixed:
    """`name=value`."""
    return Prefixed(f"{name}=", value)


def union(members: Iterable[Expression]) -> Expression:
    """`A | B`; a single member stands alone."""
    found = tuple(members)
    return found[0] if len(found) == 1 else Union(found)


def flat(expression: Expression) -> str:
    """The expression on one line."""
    # Not `match`: this runs for every word of every line, and takes a tenth of the time of a compilation.
    if isinstance(expression, str):
        return expression
    if isinstance(expression, Prefixed):
        return expression.prefix + flat(expression.value)
    if isinstance(expression, Union):
        return " | ".join([flat(member) for member in expression.members])
    inner = ", ".join([item if isinstance(item, str) else flat(item) for item in expression.items])
    comma = "," if expression.lone_comma and len(expression.items) == 1 else ""
    return f"{expression.head}{expression.brackets[0]}{inner}{comma}{expression.brackets[1]}{expression.tail}"


def lay_out(prefix: str, expression: Expression, suffix: str = "", indent: str = "") -> str:
    """The text of `prefix`, expression and `suffix`; its lines after the first begin with `indent`.

    `prefix` holds the indentation of the first line.
    """
    while isinstance(expression, Prefixed):
        prefix, expression = prefix + expression.prefix, expression.value
    if isinstance(expression, str):
        return f"{prefix}{expression}{suffix}"
    # Asked first, because most long expressions are known to need lines before all their text is joined.
    if not _must_explode(expression):
        one_line = f"{prefix}{flat(expression)}{suffix}"
        if len(one_line) <= WIDTH:
            return one_line
    if isinstance(expression, Group) and expression.items:
        return _exploded(expression, prefix, suffix, indent)
    # Inside brackets, where every item begins a line, members may stand on lines of their own.
    if isinstance(expression, Group) or prefix.strip():
        return f"{prefix}{flat(expression)}{suffix}"
    lines = [f"{prefix}{'| ' if place else ''}{flat(one)}" for place, one in enumerate(expression.members)]
    return "\n".join(lines) + suffix


def _exploded(group: Group, prefix: str, suffix: str, indent: str) -> str:
    inner = indent + INDENT
    # A comma after the only subscript would make a tuple of it.
    comma = "" if len(group.items) == 1 and group.head and group.brackets == "[]" else ","
    lines = [f"{prefix}{group.head}{group.brackets[0]}"]
    lines += [lay_out(inner, item, comma, inner) for item in group.items]
    lines.append(f"{indent}{group.brackets[1]}{group.tail}{suffix}")
    return "\n".join(lines)


def _must_explode(expression: Expression) -> bool:
    if isinstance(expression, str):
        return False
    if isinstance(expression, Prefixed):
        return _must_explode(expression.value)
    if isinstance(expression, Union):
        return any(map(_must_explode, expression.members))
    return expression.exploded or any(
        _must_explode(item) for item in expression.items if not isinstance(item, str)
    )
