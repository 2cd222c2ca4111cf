"""Steps that do not go together: what they wait for, and approvals. In the words of the compiler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pgflowc_language.keys import HANDLER_KEYS
from pgflowc_language.knots import cycles, shown
from pgflowc_language.payload_types import Array, PayloadType, Scalar, resolved, spelled
from pgflowc_language.retries import fewer, overflow, overflows
from pgflowc_language.words import near_miss, one_of, quote
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.types import Types

ROOT = "$input"
"""What a root map maps over."""
_INSTEAD = {
    "map": "for a signal per element, let the handler of the map step wait for a 'signal'",
    "signal": "keep 'approval' if the signal completes the step, 'signal' if a handler waits for it",
    "output": "its output is the signal's payload: declare that, as 'payload'",
    "when_exhausted": "say what happens without a signal: 'on_timeout'",
    "timeout": "say how long it waits: 'wait_for'",
}
Steps = Mapping[str, Mapping[str, Any]]
"""The bodies of the steps, values at fault left out."""


def dependencies(body: Mapping[str, Any]) -> list[str]:
    """The steps it waits for, in the order written."""
    source = body.get("map")
    own = [source] if isinstance(source, str) and source != ROOT else []
    return list(dict.fromkeys([*body.get("depends_on", ()), *own]))


def faults_of_steps(steps: Steps, written: Mapping[str, Any], types: Types) -> Iterator[Fault]:
    """`written` are the steps with those that were left out."""
    for slug, body in steps.items():
        yield from _unknown_steps(slug, body, written)
        yield from _sources(slug, body)
        yield from _mapped(slug, body, steps, types)
    for slug, body in written.items():
        yield from _approval(slug, body)
    edges = {
        slug: [one for one in dependencies(body) if one in steps and one != slug]
        for slug, body in steps.items()
    }
    for circle in cycles(edges):
        around = [*circle, circle[0]]
        waits = steps[circle[0]].get("depends_on", [])
        key: tuple[str | int, ...] = ("map",)
        if around[1] in waits:
            key = ("depends_on", waits.index(around[1]))
        yield Fault(
            "PGF202",
            f"these steps wait for each other: {shown(circle)}",
            ("steps", circle[0], *key),
            "remove one of these dependencies, or move what they share into a step of its own",
        )


def faults_of_delays(definition: tuple[int, int], steps: Mapping[Path, tuple[int, int]]) -> Iterator[Fault]:
    """Last retries that would come later than PostgreSQL can say; attempts and first delay of the flow, and
    of each step by its path.
    """
    for path, (attempts, delay) in {(): definition, **steps}.items():
        if overflows(attempts, delay):
            yield Fault("PGF503", overflow(attempts), path, fewer(delay))
            if not path:
                return


def _unknown_steps(slug: str, body: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[Fault]:
    at = ("steps", slug)
    depends_on, source = body.get("depends_on", []), body.get("map")
    for number, one in enumerate(depends_on):
        place = (*at, "depends_on", number)
        if one == slug:
            yield Fault("PGF203", f"step '{slug}' depends on itself", place, _ENDLESS)
        elif one not in written and depends_on.index(one) == number:
            message = f"step '{slug}' depends on {quote(one)}, which is not a step"
            yield Fault("PGF201", message, place, _others(slug, one, written, is_map=False))
    if source is None or source == ROOT:
        return
    source_place = (*at, "map")
    head, dot, _ = source.partition(".")
    if source == slug:
        if slug not in depends_on:
            yield Fault("PGF203", f"step '{slug}' maps over itself", source_place, _ENDLESS)
    elif source in written:
        return
    elif dot and head in written:
        help = f"add a step that depends on '{head}' and returns only this list, and map over that"
        yield Fault("PGF207", f"step '{slug}' maps over a part of the output of '{head}'", source_place, help)
    else:
        message = f"step '{slug}' maps over {quote(source)}, which is not a step"
        yield Fault("PGF201", message, source_place, _others(slug, source, written, is_map=True))


_ENDLESS = "remove it: a step that waits for itself never starts"


def _others(slug: str, one: str, written: Mapping[str, Any], *, is_map: bool) -> str:
    if one in (ROOT, "input") and not is_map:
        return "a step without dependencies gets the run's input; others read it with ctx.flow_input()"
    if one in ("input", "$run", "run"):
        return f"'map': '{ROOT}' maps over the run's input"
    others = [other for other in written if other != slug]
    if meant := near_miss(one, others):
        return f"did you mean '{meant}'?"
    if len(others) < 2:
        return f"the only other step is {others[0]}" if others else "this is the only step of the flow"
    return f"the other steps are {one_of(others, 'and')}" if len(others) <= 8 else ""


def _sources(slug: str, body: Mapping[str, Any]) -> Iterator[Fault]:
    source, depends_on = body.get("map"), body.get("depends_on")
    if source is not None and depends_on:
        if set(depends_on) == {source}:
            help = "remove 'depends_on': a map step waits for its source anyway"
        else:
            help = "let one step combine what is needed into a list, and map over that step"
        at = ("steps", slug, "depends_on")
        yield Fault("PGF204", f"map step '{slug}' can only depend on its source", at, help)


def _approval(slug: str, body: Any) -> Iterator[Fault]:
    if not isinstance(body, Mapping) or "approval" not in body:
        return
    for key in HANDLER_KEYS:
        if key in body:
            help = _INSTEAD.get(
                key, "remove it, or give the step a handler that waits: 'signal' in place of 'approval'"
            )
            message = f"step '{slug}' is an approval and has no '{key}'"
            yield Fault("PGF117", message, ("steps", slug, key), help)


def _mapped(slug: str, body: Mapping[str, Any], steps: Steps, types: Types) -> Iterator[Fault]:
    """Outputs of approvals are the only ones with a type here."""
    source = body.get("map")
    if source is None or source == slug or "approval" not in steps.get(source, ()):
        return
    actual = resolved(types.payload(("steps", source, "approval", "payload")), types.named)
    if not isinstance(actual, Array) and actual not in (Scalar("any"), Scalar("json")):
        yield Fault(
            "PGF205",
            f"step '{slug}' maps over the output of '{source}', which is {_a(actual)}",
            ("steps", slug, "map"),
            f'let the signal of \'{source}\' bring the bare list: "payload": ["T"]',
        )


def _a(actual: PayloadType) -> str:
    name = spelled(actual)
    return name if name.startswith(("an ", "a ")) else f"'{name}'"
