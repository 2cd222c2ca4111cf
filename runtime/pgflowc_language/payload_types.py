"""Payload types: what flows, steps, map items and signals carry, as a closed set of frozen values.

Written by the notation of types: `str`, `[T]`, `{field: T}`, `map of T`, `T | U`, `{$enum: [...]}`, and in
specs `{$python: module:Class}`; `{$ref: ...}` becomes the types that the JSON Schema describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

ScalarName = Literal[
    "str", "int", "float", "bool", "decimal", "date", "datetime", "time", "uuid", "bytes", "json", "any",
    "null",
]  # fmt: skip
SCALAR_NAMES: Mapping[str, ScalarName] = {name: name for name in get_args(ScalarName)}
"""The built-in types."""
JsonScalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A built-in type; `json` and `any` admit every JSON value, arrays and objects included."""

    name: ScalarName


@dataclass(frozen=True, slots=True)
class Array:
    """`[T]`: a JSON array whose elements all have the type `item`."""

    item: PayloadType


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object. `T | null` makes it optional, null or absent; `type` is then T, without null."""

    name: str
    type: PayloadType
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """`{field: T, ...}`: a JSON object with these fields, in the order written."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """`map of T`: a JSON object with any string keys, all values of type `value`."""

    value: PayloadType


@dataclass(frozen=True, slots=True)
class OneOf:
    """`T | U`: a value of one of at least two distinct types."""

    members: tuple[PayloadType, ...]


@dataclass(frozen=True, slots=True)
class Enum:
    """`{$enum: [a, b]}`: one of these JSON scalars."""

    values: tuple[JsonScalar, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A reference to an entry of `types`; recursion goes through names only."""

    name: str


@dataclass(frozen=True, slots=True)
class Python:
    """`{$python: module:Name}`: a pydantic model that the user wrote; what is in it is not known here."""

    module: str
    name: str


PayloadType = Scalar | Array | Object | MapOf | OneOf | Enum | Named | Python
NamedTypes = Mapping[str, PayloadType]
"""The entries of `types`, by name."""
ANY = Scalar("any")
NULL = Scalar("null")


def written_field(name: str, type_: PayloadType) -> Field:
    """A field; a union with null makes it optional, and null is then no member of its type."""
    if not isinstance(type_, OneOf) or NULL not in type_.members:
        return Field(name, type_)
    others = tuple(member for member in type_.members if member != NULL)
    return Field(name, others[0] if len(others) == 1 else OneOf(others), optional=True)


def resolved(type_: PayloadType, types: NamedTypes) -> PayloadType:
    """The type behind a name, through any number of names; an unknown or circular name counts as `any`."""
    seen: set[str] = set()
    while isinstance(type_, Named):
        if type_.name in seen or type_.name not in types:
            return ANY
        seen.add(type_.name)
        type_ = types[type_.name]
    return type_


def spelled(type_: PayloadType) -> str:
    """The type in the notation, for messages."""
    match type_:
        case Scalar(name) | Named(name):
            return name
        case Array(item):
            return f"[{spelled(item)}]"
        case MapOf(value):
            return f"map of {spelled(value)}"
        case OneOf(members):
            return " | ".join(spelled(member) for member in members)
        case Enum():
            return "an enum"
        case Object():
            return "an object"
        case Python(module, name):
            return f"{module}:{name}"
