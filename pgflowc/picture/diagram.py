"""What a picture of a flow shows in any notation: a node per step, and per output type if asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from pgflowc.graph.model import Flow, Step
from pgflowc_language.durations import short
from pgflowc_language.payload_types import Array, Enum, MapOf, Object, OneOf, PayloadType, spelled
from pgflowc_language.words import visible

_LONGEST_LINE = 44
_FIELDS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Node:
    """A box. `slug` is the step's. `kind` is `approval` for a step that a signal completes, and `type` for an
    output's type, which stands between the step and those that get it.

    `notes` are short lines below `title`. `conditional`: the step may be skipped. `tooltip` is longer text
    for notations that can show it. All texts are visible characters on one line, hostile ones included.
    """

    slug: str
    title: str
    kind: Literal["single", "map", "approval", "type"]
    notes: tuple[str, ...] = ()
    conditional: bool = False
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """From one node to another, by index. `each`: a task per element of what comes over it."""

    source: int
    target: int
    each: bool = False


@dataclass(frozen=True, slots=True)
class Diagram:
    """A flow to draw. `nodes` are in topological order, types directly after their step."""

    slug: str
    description: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def diagram(flow: Flow, *, types: bool = False) -> Diagram:
    """The flow's steps and dependencies; with `types`, what each output is on its way to the dependents."""
    nodes: list[Node] = []
    links: list[Link] = []
    exits: dict[str, int] = {}
    needed = {dependency for step in flow.steps for dependency in step.depends_on}
    for step in flow.steps:
        here = len(nodes)
        nodes.append(_node(step))
        links += [Link(exits[dependency], here, each=step.kind == "map") for dependency in step.depends_on]
        exits[step.slug] = here
        if types and step.slug in needed and step.output is not None:
            output = Array(step.output) if step.kind == "map" else step.output
            exits[step.slug] = len(nodes)
            links.append(Link(here, len(nodes)))
            nodes.append(Node(step.slug, _cut(brief(output)), "type"))
    return Diagram(flow.slug, visible(flow.description or ""), tuple(nodes), tuple(links))


def brief(type_: PayloadType) -> str:
    """The type on one short line: an object by the names of its fields."""
    match type_:
        case Array(item):
            return f"[{brief(item)}]"
        case MapOf(value):
            return f"map of {brief(value)}"
        case OneOf(members):
            return " | ".join(brief(member) for member in members)
        case Enum(values):
            return " | ".join(visible(json.dumps(value, ensure_ascii=False)) for value in values)
        case Object(fields):
            names = [visible(field.name) for field in fields[:_FIELDS_SHOWN]]
            return "{" + ", ".join([*names, "..."] if len(fields) > _FIELDS_SHOWN else names) + "}"
        case _:
            return visible(spelled(type_))


def waiting(step: Step) -> str:
    """What signal the step waits for and how long, in words; empty if it waits for none."""
    signal = step.signal
    if signal is None:
        return ""
    wait = "" if signal.wait_for is None else f" within {short(signal.wait_for)}"
    if not signal.approval:
        return f"waits for a signal{wait}"
    missed = step.condition.when_exhausted
    return f"approval{wait}{f', else {missed}' if wait else ''}"


def _node(step: Step) -> Node:
    conditions = [
        f"{word} {visible(pattern)}"
        for word, pattern in (("if", step.condition.required), ("if not", step.condition.forbidden))
        if pattern is not None
    ]
    waits = waiting(step)
    notes = [*_map_note(step), *([waits] if waits else []), *conditions]
    if step.options.start_delay:
        notes.append(f"starts {step.options.start_delay} s later")
    told = [visible(step.description)] if step.description else []
    return Node(
        slug=step.slug,
        title=_cut(step.slug),
        kind="approval" if step.signal and step.signal.approval else step.kind,
        notes=tuple(_cut(note) for note in notes),
        conditional=step.may_be_skipped,
        tooltip=" - ".join([step.slug, *told, *conditions]),
    )


def _map_note(step: Step) -> list[str]:
    if step.kind != "map":
        return []
    return [f"for each of {step.depends_on[0] if step.depends_on else 'the input'}"]


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 3] + "..."
