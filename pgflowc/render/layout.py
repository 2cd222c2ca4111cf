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
class Joined:
    """`prefix` and then an expression, such as a keyword argument or a member of a union."""

    parts: tuple[Expression, ...]


Expression = str | Group | Joined


def call(function: str, *arguments: Expression, exploded: bool = False) -> Group:
    """`function(arguments)`."""
    return Group(function, "()", arguments, exploded=exploded)


def subscript(name: str, *items: Expression) -> Group:
    """`name[items]`."""
    return Group(name, "[]", items)


def keyword(name: str, value: Expression) -> Joined:
    """`name=value`."""
    return Joined((f"{name}=", value))


def union(members: Iterable[Expression]) -> Expression:
    """`A | B`; a single member stands alone."""
    parts: list[Expression] = []
    for member in members:
        parts.extend((" | ", member) if parts else (member,))
    return parts[0] if len(parts) == 1 else Joined(tuple(parts))


def flat(expression: Expression) -> str:
    """The expression on one line."""
    if isinstance(expression, str):
        return expression
    if isinstance(expression, Joined):
        return "".join(map(flat, expression.parts))
    inner = ", ".join(map(flat, expression.items))
    comma = "," if expression.lone_comma and len(expression.items) == 1 else ""
    opening, closing = tuple(expression.brackets)
    return f"{expression.head}{opening}{inner}{comma}{closing}{expression.tail}"


def lay_out(prefix: str, expression: Expression, suffix: str = "", indent: str = "") -> str:
    """The text of `prefix`, expression and `suffix`; its lines after the first begin with `indent`.

    `prefix` holds the indentation of the first line.
    """
    one_line = f"{prefix}{flat(expression)}{suffix}"
    if not _must_explode(expression) and (len(one_line) <= WIDTH or isinstance(expression, str)):
        return one_line
    if isinstance(expression, str):
        return one_line
    if isinstance(expression, Joined):
        return _lay_out_joined(prefix, expression, suffix, indent)
    opening, closing = tuple(expression.brackets)
    if not expression.items:
        return one_line
    inner = indent + INDENT
    # Formatters treat a trailing comma after the only subscript, or in a tuple of one, as no reason to
    # explode.
    comma = "" if len(expression.items) == 1 and expression.brackets == "[]" and expression.head else ","
    lines = [f"{prefix}{expression.head}{opening}"]
    lines += [lay_out(inner, item, comma, inner) for item in expression.items]
    lines.append(f"{indent}{closing}{expression.tail}{suffix}")
    return "\n".join(lines)


def _lay_out_joined(prefix: str, joined: Joined, suffix: str, indent: str) -> str:
    # Only the last bracket is opened, as formatters do first.
    last = max((i for i, part in enumerate(joined.parts) if not isinstance(part, str)), default=None)
    if last is None:
        return f"{prefix}{flat(joined)}{suffix}"
    before = "".join(map(flat, joined.parts[:last]))
    after = "".join(map(flat, joined.parts[last + 1 :]))
    return lay_out(prefix + before, joined.parts[last], after + suffix, indent)


def _must_explode(expression: Expression) -> bool:
    if isinstance(expression, str):
        return False
    if isinstance(expression, Joined):
        return any(map(_must_explode, expression.parts))
    return expression.exploded or any(map(_must_explode, expression.items))
