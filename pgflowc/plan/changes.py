"""What differs between two shapes of a flow, in words that name the options as a spec does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from pgflowc.graph.model import FlowOptions
from pgflowc.plan.shape import FlowShape, StepShape

# Where a shape's word is not the spec's.
_SPEC_KEYS = {"required": "if", "forbidden": "if_not"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `step` is the slug of the step that has it, None when it is the flow's own."""

    step: str | None
    text: str

    def __str__(self) -> str:
        return self.text if self.step is None else f"step '{self.step}': {self.text}"


def changes(before: FlowShape, after: FlowShape) -> tuple[Change, ...]:
    """The flow's own differences, then each step's; empty when only the order of steps differs."""
    return tuple(_changes(before, after))


def _changes(before: FlowShape, after: FlowShape) -> Iterator[Change]:
    if before.kind != after.kind:
        yield Change(None, f"{before.kind} -> {after.kind}")
    for option in fields(FlowOptions):
        yield from _difference(None, option.name, before.options, after.options)
    old = {step.slug: step for step in before.steps}
    for step in after.steps:
        if step.slug not in old:
            yield Change(step.slug, "added")
            continue
        for field in fields(StepShape):
            yield from _difference(step.slug, field.name, old[step.slug], step)
    kept = {step.slug for step in after.steps}
    for slug in old:
        if slug not in kept:
            yield Change(slug, "removed")


def _difference(step: str | None, name: str, before: object, after: object) -> Iterator[Change]:
    old, new = getattr(before, name), getattr(after, name)
    if old != new:
        yield Change(step, f"{_SPEC_KEYS.get(name, name)} {_shown(old)} -> {_shown(new)}")


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return str(value)
