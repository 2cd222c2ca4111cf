"""Named types that lead back to themselves: each needs an end, and an object on the way round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgflowc_language.knots import knots, shortest_cycle
from pgflowc_language.payload_types import Array, MapOf, Named, NamedTypes, Object, OneOf, PayloadType


@dataclass(frozen=True, slots=True)
class Endless:
    """A type at fault. `is_alias`: it needs an object on the way round; otherwise an end."""

    name: str
    is_alias: bool
    message: str


def endless_types(types: NamedTypes) -> Iterator[Endless]:
    """Names that lead back to themselves without an object, then types without any finite value; of types
    that need each other, one.
    """
    aliases = {name: sorted(set(_without_objects(type_)) & types.keys()) for name, type_ in types.items()}
    reported: set[str] = set()
    for knot in knots(aliases):
        cycle = shortest_cycle(aliases, knot)
        reported |= set(knot)
        way = " -> ".join([*cycle[:8], *(["..."] if len(cycle) > 8 else []), cycle[0]])
        message = f"the type '{cycle[0]}' is defined by itself without an object between: {way}"
        yield Endless(cycle[0], True, message)
    endless = types.keys() - _finite(types)
    needs = {
        name: [needed for needed in _names(type_) if needed in endless]
        for name, type_ in types.items()
        if name in endless
    }
    for knot in knots(needs):
        if not reported & set(knot):
            cycle = shortest_cycle(needs, knot)
            message = f"no value of the type '{cycle[0]}' could ever end: it holds {_chain(cycle)}"
            yield Endless(cycle[0], False, message)


def _chain(cycle: list[str]) -> str:
    """What the first type holds, in words: `'Egg', which holds another 'Chicken'`."""
    between = cycle[1:]
    shown = [*between[:6], *(["..."] if len(between) > 6 else [])]
    return ", which holds ".join(
        [*(name if name == "..." else f"'{name}'" for name in shown), f"another '{cycle[0]}'"]
    )


def _without_objects(type_: PayloadType) -> Iterator[str]:
    """The names that a type consists of, objects left aside."""
    match type_:
        case Named(name):
            yield name
        case Array(inner) | MapOf(inner):
            yield from _without_objects(inner)
        case OneOf(members):
            for member in members:
                yield from _without_objects(member)


def _names(type_: PayloadType) -> Iterator[str]:
    """All names in a type."""
    if isinstance(type_, Object):
        for field in type_.fields:
            yield from _names(field.type)
    elif isinstance(type_, OneOf):
        for member in type_.members:
            yield from _names(member)
    else:
        yield from _without_objects(type_)


def _finite(types: NamedTypes) -> set[str]:
    """The names that have a finite value: grown from those that need no other name."""
    users: dict[str, list[str]] = {}
    for name, type_ in types.items():
        for needed in _names(type_):
            users.setdefault(needed, []).append(name)
    finite: set[str] = set()
    waiting = list(types)
    while waiting:
        name = waiting.pop()
        if name not in finite and _has_value(types[name], types, finite):
            finite.add(name)
            waiting.extend(users.get(name, ()))
    return finite


def _has_value(type_: PayloadType, types: NamedTypes, finite: set[str]) -> bool:
    match type_:
        case Named(name):
            return name in finite or name not in types
        case Object(fields):
            return all(field.optional or _has_value(field.type, types, finite) for field in fields)
        case OneOf(members):
            return any(_has_value(member, types, finite) for member in members)
    return True
