"""Conditions that can never be met, in the words of the compiler (`pgflowc.graph.checks.condition`).

Of all that a condition is compared with only the payloads of approvals have a type here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pgflowc_language.containment import contains, may_contain, never_contains
from pgflowc_language.payload_types import Array, MapOf, Object, OneOf, PayloadType, Scalar, resolved
from pgflowc_language.words import did_you_mean, near_miss, one_of, quote
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.structure import ROOT, Steps, dependencies
from pgflowc_runtime.definitions.types import Types

_KEYS = ("if", "if_not")


def faults_of_conditions(
    steps: Steps, written: Mapping[str, Any], types: Types, damaged: frozenset[Path]
) -> Iterator[Fault]:
    """`written` are the steps with those that were left out, `damaged` is what was."""
    for slug, body in steps.items():
        for key in _KEYS:
            if isinstance(body.get(key), Mapping):
                yield from _of_step(slug, body, key, steps, written, types, damaged)
    yield from _excluded(steps)


def faults_of_perform(slug: str, body: Mapping[str, Any]) -> Iterator[Fault]:
    """The same for the one step of a job."""
    yield from _excludes_itself(slug, body, ("perform",))


def _of_step(
    slug: str,
    body: Mapping[str, Any],
    key: str,
    steps: Steps,
    written: Mapping[str, Any],
    types: Types,
    damaged: frozenset[Path],
) -> Iterator[Fault]:
    at: Path = ("steps", slug, key)
    if body.get("map") == ROOT:
        never = "never" if key == "if" else "always"
        help = "no array contains an object; let a single step decide first and map over its output"
        yield Fault("PGF404", f"the condition of root map step '{slug}' would {never} be met", at, help)
        return
    sources = dependencies(body)
    if not sources:
        return
    # A dependency, or a key that may have been meant as the dependencies, was refused.
    knows_little = any(one not in written for one in sources) or any(
        path[:2] == ("steps", slug) for path in damaged
    )
    for name, value in body[key].items():
        if name not in sources:
            if not knows_little:
                help = did_you_mean(name, sources) or (
                    f"add '{name}' to 'depends_on'"
                    if name in written
                    else f"its keys are the dependencies of the step: {one_of(sources, 'and')}"
                )
                message = f"the condition of step '{slug}' looks at {quote(name)}, no dependency of it"
                yield Fault("PGF401", message, (*at, name), help)
        elif "approval" in steps.get(name, ()):
            payload = types.payload(("steps", name, "approval", "payload"))
            yield from _of_value(value, payload, f"the output of '{name}'", (*at, name), types)


def _of_value(value: Any, expected: PayloadType, what: str, at: Path, types: Types) -> Iterator[Fault]:
    """What in `value` no value of the type `expected` can contain."""
    actual = resolved(expected, types.named)
    match actual:
        case Scalar("json" | "any"):
            return
        case OneOf(members):
            if not any(may_contain(member, value, types.named) for member in members):
                yield _never(value, actual, what, at)
        case Object(fields) if isinstance(value, Mapping):
            by_name = {field.name: field for field in fields}
            for key, inner in value.items():
                field = by_name.get(key)
                if field is None:
                    meant = near_miss(key, by_name)
                    known = f"its fields are {one_of(by_name, 'and')}" if by_name else ""
                    help = f"did you mean '{meant}'?" if meant else known
                    yield Fault("PGF402", f"{what} has no field {quote(key)}", (*at, key), help)
                elif not (field.optional and inner is None):
                    yield from _of_value(inner, field.type, f"the field '{key}'", (*at, key), types)
        case MapOf(inner_type) if isinstance(value, Mapping):
            for key, inner in value.items():
                yield from _of_value(inner, inner_type, f"the value of '{key}'", (*at, key), types)
        case Array(item) if isinstance(value, list):
            for number, inner in enumerate(value):
                yield from _of_value(inner, item, f"an element of {what}", (*at, number), types)
        case _ if not may_contain(actual, value, types.named):
            yield _never(value, actual, what, at)


def _never(value: Any, actual: PayloadType, what: str, at: Path) -> Fault:
    if isinstance(value, Mapping | list):
        got = "a mapping" if isinstance(value, Mapping) else "a list"
    else:
        got = f"the text {quote(value)}" if isinstance(value, str) else json.dumps(value)
    return Fault("PGF403", never_contains(what, actual, got), at)


def _excluded(steps: Steps) -> Iterator[Fault]:
    """Conditions that exclude themselves; of steps after such a one it is a consequence."""
    edges = {slug: [one for one in dependencies(body) if one in steps] for slug, body in steps.items()}
    try:
        order = list(TopologicalSorter(edges).static_order())
    except CycleError:
        return
    never: set[str] = set()
    for slug in order:
        if never.intersection(edges[slug]):
            never.add(slug)
            continue
        for fault in _excludes_itself(slug, steps[slug], ("steps", slug)):
            never.add(slug)
            yield fault


def _excludes_itself(slug: str, body: Mapping[str, Any], at: Path) -> Iterator[Fault]:
    wanted, forbidden = body.get("if"), body.get("if_not")
    if not isinstance(forbidden, Mapping) or not contains(wanted or {}, forbidden):
        return
    why = "'if_not' forbids what 'if' wants" if wanted else "everything contains an empty pattern"
    help = "correct one of the two" if wanted else "say what must not be there, or remove 'if_not'"
    yield Fault("PGF407", f"step '{slug}' can never run: {why}", (*at, "if_not"), help)
