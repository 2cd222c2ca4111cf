"""The types of a definition: read, and judged by the rules of the compiler (`pgflowc.graph.checks`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pgflowc_language.knots import cycles
from pgflowc_language.payload_schema import payload_schema
from pgflowc_language.payload_types import (
    ANY,
    SCALAR_NAMES,
    Array,
    MapOf,
    Named,
    Object,
    OneOf,
    PayloadType,
)
from pgflowc_language.words import near_miss, one_of, quote
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.notation import NAME, Reader

_WORDS = ("map", "of")
_LONGEST_NAME = 128
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


class Types:
    """The payload types of one definition.

    `types` is the value of that key; `payloads` are where and how payloads are written. `faults` is complete
    when both are read.
    """

    def __init__(self, types: Mapping[str, Any], payloads: Mapping[Path, Any]) -> None:
        reader = Reader()
        self._written = types
        self.named: dict[str, PayloadType] = {
            name: reader.read(written, ("types", name)) for name, written in types.items()
        }
        self._payloads = {at: reader.read(written, at) for at, written in payloads.items()}
        self.faults = [*reader.faults, *self._names(reader.uses), *self._endless()]

    def payload(self, at: Path) -> PayloadType:
        """The type of the payload at that place; `any` if none is written."""
        return self._payloads.get(at, ANY)

    def schema(self, at: Path, *, closed: bool) -> dict[str, Any]:
        """What the database checks payloads against. Only without faults."""
        return payload_schema(self.payload(at), self.named, closed=closed)

    def _names(self, uses: Mapping[str, Path]) -> Iterator[Fault]:
        for name in self._written:
            if name in SCALAR_NAMES or name in _WORDS:
                problem = "is built in and cannot be defined"
                help = f"choose another name, such as {quote(name.title())}"
            elif not NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
                problem = "cannot name a type"
                help = "use letters, digits and underscores, and begin with a letter"
            else:
                continue
            yield Fault("PGF303", f"{quote(name)} {problem}", ("types", name), help)
        for name, at in uses.items():
            if name not in self._written:
                meant = _OTHER_WORDS.get(name.lower()) or near_miss(
                    name, [*sorted(self._written), *SCALAR_NAMES]
                )
                others = f"define it under 'types', or use one of {one_of(SCALAR_NAMES)}"
                help = f"did you mean '{meant}'?" if meant else others
                yield Fault("PGF302", f"there is no type {quote(name)}", at, help)

    def _endless(self) -> Iterator[Fault]:
        known = self.named.keys()
        aliases = {name: sorted(set(_bare(one)) & known) for name, one in self.named.items()}
        reported: set[str] = set()
        for circle in cycles(aliases):
            reported |= set(circle)
            chain = " -> ".join([*circle[:8], *(["..."] if len(circle) > 8 else []), circle[0]])
            yield Fault(
                "PGF310",
                f"the type '{circle[0]}' is defined by itself without an object between: {chain}",
                ("types", circle[0]),
                f'put an object between: {{"children": ["{circle[0]}"]}}',
            )
        endless = known - self._finite()
        needs = {name: [one for one in _names(self.named[name]) if one in endless] for name in endless}
        for circle in cycles({name: needs[name] for name in known if name in needs}):
            if reported & set(circle):
                continue
            yield Fault(
                "PGF304",
                f"no value of the type '{circle[0]}' could ever end: it holds {_chain(circle)}",
                ("types", circle[0]),
                f'give it an end: "{circle[0]} | null" or ["{circle[0]}"]',
            )

    def _finite(self) -> set[str]:
        """The names that have a finite value: grown from those that need no other name."""
        finite: set[str] = set()
        while grown := {name for name in self.named.keys() - finite if self._ends(self.named[name], finite)}:
            finite |= grown
        return finite

    def _ends(self, type_: PayloadType, finite: set[str]) -> bool:
        match type_:
            case Named(name):
                return name in finite or name not in self.named
            case Object(fields):
                return all(field.optional or self._ends(field.type, finite) for field in fields)
            case OneOf(members):
                return any(self._ends(member, finite) for member in members)
        return True


def _chain(circle: list[str]) -> str:
    """`Egg, which holds another 'Chicken'`, in words."""
    between = circle[1:]
    shown = [*between[:6], *(["..."] if len(between) > 6 else [])]
    links = [name if name == "..." else f"'{name}'" for name in shown]
    return ", which holds ".join([*links, f"another '{circle[0]}'"])


def _bare(type_: PayloadType) -> Iterator[str]:
    """The names that a type consists of, objects left aside."""
    match type_:
        case Named(name):
            yield name
        case Array(inner) | MapOf(inner):
            yield from _bare(inner)
        case OneOf(members):
            for member in members:
                yield from _bare(member)


def _names(type_: PayloadType) -> Iterator[str]:
    """All names in a type."""
    if isinstance(type_, Object):
        for field in type_.fields:
            yield from _names(field.type)
    elif isinstance(type_, OneOf):
        for member in type_.members:
            yield from _names(member)
    else:
        yield from _bare(type_)
