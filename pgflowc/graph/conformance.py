"""Whether a value that a spec writes down is one of a payload type, told at the user's own places.

Texts of a format are judged as the types of runs read them.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache, partial
from uuid import UUID

from pydantic import TypeAdapter

from pgflowc.diagnostics import Fix, Span
from pgflowc.diagnostics.fixing import respelling
from pgflowc.document import Mapping as MappingNode
from pgflowc.document import Node, Refused, Scalar, ScalarValue, Sequence
from pgflowc_language import payload_types as payload
from pgflowc_language.containment import JSON_OF
from pgflowc_language.payload_types import NamedTypes, PayloadType, resolved, spelled
from pgflowc_language.words import most_hints, near_miss, one_of, quote

_MOST_SHOWN = 12


@cache
def _adapter(kind: type) -> TypeAdapter[object]:
    return TypeAdapter(kind)


def _read(kind: type, text: str) -> object:
    return _adapter(kind).validate_python(text)


_FORMATS: Mapping[payload.ScalarName, Callable[[str], object]] = {
    "decimal": partial(_read, Decimal),
    "date": partial(_read, date),
    "datetime": partial(_read, datetime),
    "time": partial(_read, time),
    "uuid": UUID,
    "bytes": partial(b64decode, validate=True),
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """One reason why a value is none of the type: `path` leads to the part at fault, `what` is said of it."""

    span: Span
    path: str
    what: str
    help: str = ""
    fix: Fix | None = None


def misfits(node: Node, expected: PayloadType, types: NamedTypes, path: str = "") -> Iterator[Misfit]:
    """Every reason, in reading order; none when the value fits, or when nothing is known of the type.

    `path` is where the node stands in the value, such as `lines[0].sku`; "" for the whole value.
    """
    actual = resolved(expected, types)
    if isinstance(node, Refused) or isinstance(actual, payload.Python):
        return
    if isinstance(actual, payload.OneOf):
        yield from _of_union(node, actual, types, path)
    elif isinstance(actual, payload.Object) and isinstance(node, MappingNode):
        yield from _of_object(node, actual, types, path)
    elif isinstance(actual, payload.MapOf) and isinstance(node, MappingNode):
        for entry in node.entries.values():
            yield from misfits(entry.value, actual.value, types, _below(path, entry.key))
    elif isinstance(actual, payload.Array) and isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from misfits(item, actual.item, types, f"{path}[{index}]")
    elif isinstance(actual, payload.Enum) and isinstance(node, Scalar):
        if not any(type(node.value) is type(value) and node.value == value for value in actual.values):
            choices = one_of(quote(one) if isinstance(one, str) else json.dumps(one) for one in actual.values)
            yield Misfit(node.span, path, f"is {_named(node)}, and must be {choices}")
    elif not isinstance(actual, payload.Scalar) or not _is_scalar(node, actual.name):
        yield Misfit(node.span, path, f"is {_named(node)}, but its type is {spelled(actual)}")


def _of_union(node: Node, union: payload.OneOf, types: NamedTypes, path: str) -> Iterator[Misfit]:
    by_member = [list(misfits(node, member, types, path)) for member in union.members]
    if all(by_member):
        # Of several ways to be wrong the one with a member of the same kind says most.
        inner = [found for found in by_member if all(one.span != node.span for one in found)]
        whole = Misfit(node.span, path, f"is {_named(node)}, but its type is {spelled(union)}")
        yield from inner[0] if len(inner) == 1 else [whole]


def _of_object(node: MappingNode, expected: payload.Object, types: NamedTypes, path: str) -> Iterator[Misfit]:
    fields = {field.name: field for field in expected.fields}
    absent = [name for name in fields if name not in node.entries]
    missing = {name: None for name in absent if not fields[name].optional}
    hints = most_hints(len(fields))
    for number, entry in enumerate(node.entries.values()):
        field = fields.get(entry.key)
        if field is None:
            words = absent if number < hints else []
            meant = near_miss(entry.key, words)
            known = f"its fields are {one_of(fields, 'and')}" if 0 < len(fields) <= _MOST_SHOWN else ""
            help = f"did you mean '{meant}'?" if meant else known
            fix = respelling(entry.key_place.span, entry.key, [name for name in words if name in missing])
            yield Misfit(entry.key_place.span, path, f"has no field {quote(entry.key)}", help, fix)
            if meant:
                missing.pop(meant, None)
        elif not (field.optional and isinstance(entry.value, Scalar) and entry.value.value is None):
            yield from misfits(entry.value, field.type, types, _below(path, entry.key))
    if missing:
        named = [f"'{name}'" for name in missing]
        more = [f"{len(named) - _MOST_SHOWN} more"] if len(named) > _MOST_SHOWN else []
        names = one_of([*named[:_MOST_SHOWN], *more], "and")
        yield Misfit(node.span, path, f"lacks the field{'s' if len(missing) > 1 else ''} {names}")


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _is_scalar(node: Node, name: payload.ScalarName) -> bool:
    if name in ("json", "any"):
        return True
    if not isinstance(node, Scalar):
        return False
    if name in _FORMATS and isinstance(node.value, str):
        return _reads(_FORMATS[name], node.value)
    if isinstance(node.value, float) and node.value.is_integer() and name == "int":
        return True
    return type(node.value) in JSON_OF[name]


def _reads(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except ValueError:
        return False
    return True


def _named(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, Scalar):
        value: ScalarValue = node.value
        return f"the text {quote(value)}" if isinstance(value, str) else node.text or "null"
    return "a list"
