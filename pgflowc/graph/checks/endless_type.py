"""Recursive types need an end, and an object on the way round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import types as codes
from pgflowc.graph.draft import Draft
from pgflowc.graph.payload import Array, MapOf, Named, NamedType, Object, OneOf, PayloadType


def check(draft: Draft, report: Report) -> None:
    """Report names that lead back to themselves without an object, and types that no finite value can have."""
    aliases = {name: set(_without_objects(entry.type)) for name, entry in draft.types.items()}
    reported: set[str] = set()
    for name in draft.types:
        circle = _way_back(name, aliases)
        if circle is None or reported & set(circle):
            continue
        reported |= set(circle)
        report.add(
            Diagnostic(
                codes.RECURSIVE_ALIAS,
                f"the type '{name}' is defined by itself without an object between: {' -> '.join(circle)}",
                draft.spec.key_span("types", name),
                help=(f"put an object between: {name}: {{children: [{name}]}}",),
            )
        )
    finite = _finite(draft.types)
    for name in draft.types:
        if name in finite or name in reported:
            continue
        # One report names the knot; the types that merely lead into it are its consequence.
        reported |= draft.types.keys() - finite
        report.add(
            Diagnostic(
                codes.ENDLESS,
                f"no value of the type '{name}' could ever end: it always holds another '{name}'"
                if name in _needed(draft.types[name].type)
                else f"no value of the type '{name}' could ever end: it always holds values that hold it again",
                draft.spec.key_span("types", name),
                help=(f"give it an end: '{name} | null' or [{name}]",),
            )
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


def _way_back(start: str, edges: Mapping[str, set[str]]) -> list[str] | None:
    """A path from `start` to itself, both ends included; None when there is none."""
    came_from: dict[str, str] = {}
    waiting = [start]
    for name in waiting:
        for target in sorted(edges.get(name, ())):
            if target == start:
                path = [start, name]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1] if name != start else [start, start]
            if target not in came_from:
                came_from[target] = name
                waiting.append(target)
    return None


def _finite(types: Mapping[str, NamedType]) -> set[str]:
    """The names that have a finite value: grown from nothing until nothing is added."""
    finite: set[str] = set()
    while True:
        more = {name for name in types.keys() - finite if _has_value(types[name].type, types, finite)}
        if not more:
            return finite
        finite |= more


def _has_value(type_: PayloadType, types: Mapping[str, NamedType], finite: set[str]) -> bool:
    match type_:
        case Named(name):
            return name in finite or name not in types
        case Object(fields):
            return all(field.optional or _has_value(field.type, types, finite) for field in fields)
        case OneOf(members):
            return any(_has_value(member, types, finite) for member in members)
    return True


def _needed(type_: PayloadType) -> set[str]:
    """The names that every value of an object type holds directly."""
    if isinstance(type_, Object):
        return {
            field.type.name for field in type_.fields if not field.optional and isinstance(field.type, Named)
        }
    return set()
