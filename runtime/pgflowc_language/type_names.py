"""Names of payload types: what entries of `types` can be called, and what was meant by a name of none."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from pgflowc_language.payload_types import SCALAR_NAMES
from pgflowc_language.words import near_miss, one_of, quote

WORDS = ("map", "of")
RESERVED = frozenset((*SCALAR_NAMES, *WORDS))
"""What no entry of `types` can be called."""
LONGEST_NAME = 128
NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_NAME = re.compile(NAME)

# Words of other languages for the built-in types.
_OTHER_WORDS = {
    **dict.fromkeys(("string", "text", "varchar", "char", "email", "url"), "str"),
    **dict.fromkeys(("integer", "int4", "int8", "bigint", "smallint", "long"), "int"),
    **dict.fromkeys(("number", "double", "real", "float4", "float8"), "float"),
    **dict.fromkeys(("boolean",), "bool"),
    **dict.fromkeys(("numeric", "money"), "decimal"),
    **dict.fromkeys(("timestamp", "timestamptz"), "datetime"),
    **dict.fromkeys(("none", "nil", "void", "nothing"), "null"),
    **dict.fromkeys(("bytea", "binary", "blob"), "bytes"),
    **dict.fromkeys(("jsonb", "object", "dict", "unknown"), "json"),
    **dict.fromkeys(("list", "array", "set", "tuple", "sequence"), "[T]"),
}


@dataclass(frozen=True, slots=True)
class Medium:
    """What types are written in, as help speaks of it: the key of those with a name, and what tells an object
    from a text.
    """

    types: str
    unlike_text: str


SPEC = Medium("types:", "without quotes")
DATA = Medium("types", "not a text")


def fault_of_name(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of an entry, and the way out; None for one that can be used."""
    if name in RESERVED:
        return (
            f"{quote(name)} is built in and cannot be defined",
            f"choose another name, such as {quote(name.title())}",
        )
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        return (
            f"{quote(name)} cannot name a type",
            "use letters, digits and underscores, and begin with a letter",
        )
    return None


def unknown_type(name: str) -> str:
    """The message for the name of no entry."""
    return f"there is no type {quote(name)}"


def meant_by(name: str, defined: Collection[str], medium: Medium) -> str:
    """The help for it: what may have been meant."""
    meant = _OTHER_WORDS.get(name.lower()) or near_miss(name, [*sorted(defined), *SCALAR_NAMES])
    if meant:
        return f"did you mean '{meant}'?"
    return f"define it under '{medium.types}', or use one of {one_of(SCALAR_NAMES)}"
