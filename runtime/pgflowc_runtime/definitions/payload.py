"""Payload types of signals, and the JSON Schema of them that the database checks payloads against.

The schema has only the keywords that `pgflowc._payload_fault` judges, and is what the compiler writes for the
same type (`pgflowc.graph.payload_schema`; a test compares them), so that a flow may be defined by either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from pgflowc_language.payload_types import (
    Array,
    Enum,
    Field,
    MapOf,
    Named,
    NamedTypes,
    Object,
    OneOf,
    PayloadType,
    Python,
    Scalar,
    ScalarName,
)

_NULL: dict[str, Any] = {"type": "null"}
_REFERENCE = "#/$defs/"
SCALARS: Mapping[ScalarName, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "decimal": {"type": ["number", "string"], "format": "decimal"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "uuid": {"type": "string", "format": "uuid"},
    "bytes": {"type": "string", "format": "base64"},
    "json": {},
    "any": {},
    "null": _NULL,
}
"""The schemas of the built-in types."""


def payload_schema(type_: PayloadType, types: NamedTypes, *, closed: bool) -> dict[str, Any]:
    """The schema of a type. Under `closed`, objects have no fields but those named."""
    writer = _Writer(types, closed=closed)
    schema = writer.of(type_)
    # A union with `any` is `any`, and its other members are not in the schema.
    if names := _referred(schema, writer.named, set()):
        schema = {**schema, "$defs": {name: writer.named[name] for name in sorted(names)}}
    return schema


class _Writer:
    """`named` are the schemas of the types behind names, as far as they were met."""

    def __init__(self, types: NamedTypes, *, closed: bool) -> None:
        self._types = types
        self._closed = closed
        self.named: dict[str, dict[str, Any]] = {}

    def of(self, type_: PayloadType) -> dict[str, Any]:
        match type_:
            case Scalar(name):
                return SCALARS[name]
            case Array(item):
                return {"type": "array", **_inner("items", self.of(item))}
            case MapOf(value):
                return {"type": "object", **_inner("additionalProperties", self.of(value))}
            case OneOf(members):
                return _any_of([self.of(member) for member in members])
            case Enum(values):
                return {"enum": list(values)}
            case Object(fields):
                return self._object(fields)
            case Named(name):
                if name not in self.named:
                    self.named[name] = {}  # which is what one inside itself finds
                    self.named[name] = self.of(self._types[name])
                return {"$ref": f"{_REFERENCE}{name}"}
            case Python():
                return {}
            case _:
                assert_never(type_)

    def _object(self, fields: tuple[Field, ...]) -> dict[str, Any]:
        properties = {
            field.name: _any_of([self.of(field.type), _NULL]) if field.optional else self.of(field.type)
            for field in fields
        }
        required = sorted(field.name for field in fields if not field.optional)
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        return {**schema, "additionalProperties": False} if self._closed else schema


def _referred(schema: Any, named: Mapping[str, Any], names: set[str]) -> set[str]:
    """`names`, and those that a schema refers to, through any number of names."""
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        name = reference.removeprefix(_REFERENCE) if isinstance(reference, str) else None
        if name is not None and name not in names:
            names.add(name)
            _referred(named[name], named, names)
        for one in schema.values():
            _referred(one, named, names)
    elif isinstance(schema, list):
        for one in schema:
            _referred(one, named, names)
    return names


def _inner(keyword: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {keyword: schema} if schema else {}


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """One of several: `type: [...]` or one `enum` with null, where that says as much."""
    if {} in schemas:
        return {}
    if len(schemas) == 2 and schemas[1] == _NULL and "enum" in schemas[0]:
        return {"enum": [*(value for value in schemas[0]["enum"] if value is not None), None]}
    if all(schema.keys() == {"type"} for schema in schemas):
        kinds = [one if isinstance(one, list) else [one] for one in (schema["type"] for schema in schemas)]
        return {"type": [kind for one in kinds for kind in one]}
    return {"anyOf": schemas}
