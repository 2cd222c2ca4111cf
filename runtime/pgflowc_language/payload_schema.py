"""Payload types as JSON Schema, for signals: the database checks their payloads when they are sent.

It has only the keywords that `pgflowc._payload_fault` judges; types behind names keep their names, under
`$defs`. What a class of Python admits is not known here, so that anything is sent to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from pgflowc_language.payload_types import (
    ANY,
    NULL,
    SCALAR_NAMES,
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
    spelled,
)

_NULL: dict[str, Any] = {"type": "null"}
_REFERENCE = "#/$defs/"
_SCALARS: Mapping[ScalarName, dict[str, Any]] = {
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


def payload_schema(type_: PayloadType, types: NamedTypes, *, closed: bool = False) -> dict[str, Any]:
    """The schema of a type. Under `closed`, objects have no fields but those named."""
    written = _Writer(types, closed=closed)
    schema = written.of(type_)
    # A union with `any` is `any`, and its other members are not in the schema.
    if names := _referred(schema, written.named, set()):
        schema = {**schema, "$defs": {name: written.named[name] for name in sorted(names)}}
    return schema


def schema_text(schema: Mapping[str, Any]) -> str:
    """The canonical JSON text: it is the same for the same type in whatever order its fields are written."""
    return json.dumps(schema, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read_payload_schema(text: str) -> tuple[PayloadType, NamedTypes]:
    """The type that a text of `payload_schema` is of, and those behind its names; what it would not write
    is `any`.
    """
    schema = json.loads(text)
    named = schema.get("$defs") if isinstance(schema, dict) else None
    names = named if isinstance(named, dict) else {}
    types = {name: _read(one, names) for name, one in names.items()}
    return _read(schema, names), types


def spelled_schema(text: str) -> str:
    """The type of a schema for people, in one line: an object with its fields."""
    type_, _ = read_payload_schema(text)
    if not isinstance(type_, Object):
        return spelled(type_)
    fields = (
        f"{field.name}: {spelled(field.type)}{' | null' if field.optional else ''}" for field in type_.fields
    )
    return f"{{{', '.join(fields)}}}"


def is_closed(text: str) -> bool:
    """Whether objects of that schema have no fields but those named."""
    return '"additionalProperties":false' in text


class _Writer:
    """`named` are the schemas of the types behind names, as far as they were met."""

    def __init__(self, types: Mapping[str, PayloadType], *, closed: bool) -> None:
        self._types = types
        self._closed = closed
        self.named: dict[str, dict[str, Any]] = {}

    def of(self, type_: PayloadType) -> dict[str, Any]:
        match type_:
            case Scalar(name):
                return _SCALARS[name]
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
                return self._named(name)
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

    def _named(self, name: str) -> dict[str, Any]:
        if name not in self.named:
            self.named[name] = {}  # which is what one inside itself finds
            self.named[name] = self.of(self._types[name])
        return {"$ref": f"{_REFERENCE}{name}"}


def _referred(schema: Any, named: Mapping[str, Any], names: set[str]) -> set[str]:
    """`names`, and those that a schema refers to, through any number of names."""
    if isinstance(schema, dict):
        name = schema["$ref"].removeprefix(_REFERENCE) if isinstance(schema.get("$ref"), str) else None
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


def _read(schema: Any, names: Mapping[str, Any]) -> PayloadType:
    if not isinstance(schema, dict):
        return ANY
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(_REFERENCE)
        return Named(name) if name in names else ANY
    if isinstance(members := schema.get("anyOf"), list):
        return _union([_read(one, names) for one in members])
    if isinstance(values := schema.get("enum"), list) and values:
        return Enum(tuple(value for value in values if value is None or isinstance(value, str | int)))
    kinds = schema.get("type")
    if isinstance(kinds, list) and schema.get("format") != "decimal":
        return _union([_read({**schema, "type": kind}, names) for kind in kinds])
    if kinds == "array":
        return Array(_read(schema.get("items"), names))
    if kinds == "object":
        return _read_object(schema, lambda inner: _read(inner, names))
    known = {key: schema[key] for key in ("type", "format") if key in schema}
    return next((Scalar(SCALAR_NAMES[name]) for name, one in _SCALARS.items() if one and one == known), ANY)


def _read_object(schema: dict[str, Any], read: Callable[[Any], PayloadType]) -> PayloadType:
    properties, others = schema.get("properties"), schema.get("additionalProperties")
    if not isinstance(properties, dict):
        return MapOf(read(others if isinstance(others, dict) else None))
    required = schema.get("required", ())
    return Object(
        tuple(
            _without_null(name, read(inner), optional=name not in required)
            for name, inner in properties.items()
        )
    )


def _without_null(name: str, type_: PayloadType, *, optional: bool) -> Field:
    """A field as the notation has it: null is no member of the type of an optional one."""
    if optional and isinstance(type_, OneOf):
        type_ = _union([member for member in type_.members if member != NULL])
    elif optional and isinstance(type_, Enum) and None in type_.values and len(type_.values) > 1:
        type_ = Enum(tuple(value for value in type_.values if value is not None))
    return Field(name, type_, optional)


def _union(members: list[PayloadType]) -> PayloadType:
    distinct = tuple(dict.fromkeys(members))
    return distinct[0] if len(distinct) == 1 else OneOf(distinct)
