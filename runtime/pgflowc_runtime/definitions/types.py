"""The types of a definition: read, and judged by the rules of the compiler (`pgflowc.graph.checks`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pgflowc_language.knots import cycles
from pgflowc_language.payload_schema import payload_schema
from pgflowc_language.payload_types import (
    ANY,
    Array,
    MapOf,
    Named,
    Object,
    OneOf,
    PayloadType,
)
from pgflowc_language.type_names import DATA, fault_of_name, meant_by, unknown_type
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.notation import Reader


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
            if fault := fault_of_name(name):
                message, help = fault
                yield Fault("PGF303", message, ("types", name), help)
        for name, at in uses.items():
            if name not in self._written:
                yield Fault("PGF302", unknown_type(name), at, meant_by(name, self._written, DATA))

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
