"""Recursive types need an end, and an object on the way round."""

from __future__ import annotations

from collections.abc import Iterator

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import types as codes
from pgflowc.graph.draft import Draft
from pgflowc.spec.example import example, setting
from pgflowc_language.knots import knots, shortest_cycle
from pgflowc_language.payload_types import Array, MapOf, Named, NamedTypes, Object, OneOf, PayloadType


def check(draft: Draft, report: Report) -> None:
    """Report names that lead back to themselves without an object, and types without any finite value."""
    aliases = {
        name: sorted(set(_without_objects(type_)) & draft.types.keys()) for name, type_ in draft.types.items()
    }
    reported: set[str] = set()
    for knot in knots(aliases):
        cycle = shortest_cycle(aliases, knot)
        path = draft.type_span(cycle[0]).path
        reported |= set(knot)
        report.add(
            Diagnostic(
                codes.RECURSIVE_ALIAS,
                f"the type '{cycle[0]}' is defined by itself without an object between: "
                + " -> ".join([*cycle[:8], *(["..."] if len(cycle) > 8 else []), cycle[0]]),
                draft.type_span(cycle[0]),
                help=(f"put an object between: {setting(path, cycle[0], {'children': [cycle[0]]})}",),
            )
        )
    endless = draft.types.keys() - _finite(draft.types)
    needs = {
        name: [needed for needed in _names(type_) if needed in endless]
        for name, type_ in draft.types.items()
        if name in endless
    }
    for knot in knots(needs):
        if reported & set(knot):
            continue
        cycle = shortest_cycle(needs, knot)
        path = draft.type_span(cycle[0]).path
        report.add(
            Diagnostic(
                codes.ENDLESS,
                f"no value of the type '{cycle[0]}' could ever end: it holds {_chain(cycle[1:], cycle[0])}",
                draft.type_span(cycle[0]),
                help=(
                    f"give it an end: {example(path, f'{cycle[0]} | null')} or {example(path, [cycle[0]])}",
                ),
            )
        )


def _chain(between: list[str], last: str) -> str:
    """`Egg, which holds Chicken`, in words."""
    shown = [*between[:6], *(["..."] if len(between) > 6 else [])]
    return ", which holds ".join(
        [*(name if name == "..." else f"'{name}'" for name in shown), f"another '{last}'"]
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


def _has_value(type_: PayloadType, types: NamedTypes, finite: set[str]) -> bool:
    match type_:
        case Named(name):
            return name in finite or name not in types
        case Object(fields):
            return all(field.optional or _has_value(field.type, types, finite) for field in fields)
        case OneOf(members):
            return any(_has_value(member, types, finite) for member in members)
    return True
