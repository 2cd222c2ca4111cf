"""JSON containment, by which conditions are judged: of values, and of what values of a type could hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pgflowc_language.payload_types import (
    Array,
    Enum,
    MapOf,
    NamedTypes,
    Object,
    OneOf,
    PayloadType,
    Scalar,
    ScalarName,
    resolved,
    spelled,
)
from pgflowc_language.words import one_of, quote

JSON_OF: Mapping[ScalarName, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "decimal": (int, float, str),
    "date": (str,),
    "datetime": (str,),
    "time": (str,),
    "uuid": (str,),
    "bytes": (str,),
    "null": (type(None),),
}
"""The JSON scalars that values of a type can be. Dates and the like are texts, decimals texts or numbers."""


def contains(whole: Any, part: Any) -> bool:
    """JSON containment as PostgreSQL's @> has it below the top."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            key in whole and contains(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(contains(one, value) for one in whole) for value in part)
    return (
        not isinstance(whole, Mapping | list)
        and isinstance(whole, bool) == isinstance(part, bool)
        and bool(whole == part)
    )


def may_contain(type_: PayloadType, value: Any, types: NamedTypes) -> bool:
    """Whether a value of the type could contain this one, by its outermost kind: what is in a mapping or a
    list is not looked at.
    """
    match resolved(type_, types):
        case Scalar("json" | "any"):
            return True
        case Scalar(name):
            # jsonb compares numbers by value: 1.0 is contained in 1
            is_whole = isinstance(value, float) and value.is_integer()
            return type(value) in JSON_OF[name] or (is_whole and int in JSON_OF[name])
        case Enum(values):
            return any(type(value) is type(one) and value == one for one in values)
        case Array():
            return isinstance(value, list)
        case Object() | MapOf():
            return isinstance(value, Mapping)
        case OneOf(members):
            return any(may_contain(member, value, types) for member in members)
    return True


def never_contains(what: str, type_: PayloadType, value: str) -> str:
    """The message for a value, in words, that no value of the type contains; `what` has the type."""
    choice = ""
    if isinstance(type_, Enum):
        literals = [quote(one) if isinstance(one, str) else json.dumps(one) for one in type_.values]
        choice = f": {one_of(literals)}"
    return f"{what} can never contain {value}: its type is {spelled(type_)}{choice}"
