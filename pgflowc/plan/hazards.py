"""Which runs that are alive an operation would break: those that have not passed what it changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pgflowc.plan.ops import (
    ChangeCondition,
    ChangeDependencies,
    ChangeType,
    DropFlow,
    Op,
    RecreateFlow,
    RemoveStep,
    RenameStep,
    SetSignal,
)

# A step that has begun has met its conditions and keeps to what it began with; one that is over is passed.
_NOT_BEGUN: Final = ("created",)
_NOT_OVER: Final = ("created", "started")


@dataclass(frozen=True, slots=True)
class Hazard:
    """Operation number `place` breaks the runs whose `step` is in one of these statuses; without a step,
    every run that is alive.
    """

    place: int
    step: str | None
    statuses: tuple[str, ...] = ()


def hazards(ops: Sequence[Op]) -> Iterator[Hazard]:
    """The hazards of the operations on one flow. Steps have the names that runs alive know."""
    known = {op.after: op.before for op in ops if isinstance(op, RenameStep)}
    for place, op in enumerate(ops):
        match op:
            case DropFlow() | RecreateFlow():
                yield Hazard(place, None)
            case RemoveStep(step=step):
                yield Hazard(place, known.get(step.slug, step.slug), _NOT_OVER)
            case RenameStep(before=before):
                yield Hazard(place, before, _NOT_OVER)
            case ChangeDependencies(step=slug) | ChangeType(step=slug):
                yield Hazard(place, known.get(slug, slug), _NOT_OVER)
            case SetSignal(step=slug) if op.needs_drain:
                yield Hazard(place, known.get(slug, slug), _NOT_OVER)
            case ChangeCondition(step=slug, name=name):
                statuses = _NOT_OVER if name == "when_exhausted" else _NOT_BEGUN
                yield Hazard(place, known.get(slug, slug), statuses)
            case _:
                pass
