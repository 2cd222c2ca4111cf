"""Drift: what a database has otherwise than the migrations left it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pgflowc.plan.agreement import agreed
from pgflowc.plan.changes import changes
from pgflowc.plan.ops import (
    AddStep,
    ChangeCondition,
    ChangeDependencies,
    ChangeKind,
    ChangeOption,
    ChangeType,
    CreateFlow,
    DropFlow,
    Op,
    OrderSteps,
    RecreateFlow,
    RemoveStep,
    RenameStep,
    SetSchedule,
    SetSignal,
    shown,
)
from pgflowc.plan.shape import FlowShape


@dataclass(frozen=True, slots=True)
class FlowDrift:
    """`of`: words on it, by the place of the operation that changes what drifted. `unasked`: operations back
    to the lock, with words, for what no operation changes, since the database already has what it should
    get. `mend`: all operations that lead back to the lock, in order.
    """

    of: Mapping[int, str] = field(default_factory=dict)
    unasked: tuple[tuple[Op, str], ...] = ()
    mend: tuple[Op, ...] = ()


def drifted(
    name: str,
    there: FlowShape | None,
    locked: FlowShape,
    ops: Sequence[Op],
    *,
    kinds: bool = True,
    schedules: bool = True,
) -> FlowDrift:
    """How a flow in the database (None: it is missing) differs from the lock's, where `ops` lead from the
    database to what is wanted.
    """
    if there is None:
        of = {place: "drift: the lock has it" for place, op in enumerate(ops) if isinstance(op, CreateFlow)}
        return FlowDrift(of, mend=(CreateFlow(name, locked),))
    back = changes(name, agreed(there, locked, kinds=kinds, schedules=schedules), locked)
    found = {_key(op): op for op in back if not isinstance(op, OrderSteps)}
    whole = [place for place, op in enumerate(ops) if isinstance(op, DropFlow | RecreateFlow)]
    if whole:
        text = f"drift, the lock has: {'; '.join(op.change for op in found.values())}"
        return FlowDrift({whole[0]: text} if back else {}, mend=back)
    former = {op.after: op.before for op in ops if isinstance(op, RenameStep)}
    places = {_key(op, former): place for place, op in enumerate(ops)}
    of = {places[key]: _said(op, ops[places[key]]) for key, op in found.items() if key in places}
    unasked = tuple(
        (op, "drift: the specs agree with the database, the lock does not")
        for key, op in found.items()
        if key not in places
    )
    return FlowDrift(of, unasked, back)


def _said(back: Op, op: Op) -> str:
    """What the lock has in place of the database's value, where the specs do not say the same."""
    before, wanted = getattr(back, "after", None), getattr(op, "after", None)
    match back:
        case AddStep():
            return "drift: the lock has this step"
        case RemoveStep():
            return "drift: the lock does not have this step"
        case SetSchedule():
            same = before == wanted
            return "drift" if same else "drift: the lock has another schedule"
        case SetSignal():
            return "drift" if before == wanted else "drift: the lock has another signal"
        case _:
            return "drift" if before == wanted else f"drift: the lock says {shown(before)}"


def _key(op: Op, former: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What of the flow an operation changes; `former` are names of steps before they were renamed."""
    names = former or {}
    match op:
        case ChangeOption(step=None, name=name):
            return ("option", name)
        case ChangeOption(step=step, name=name) | ChangeCondition(step=step, name=name):
            return (name, names.get(step or "", step or ""))
        case ChangeDependencies(step=step):
            return ("depends_on", names.get(step, step))
        case ChangeType(step=step):
            return ("type", names.get(step, step))
        case SetSignal(step=step):
            return ("signal", names.get(step, step))
        case AddStep(step=shape) | RemoveStep(step=shape):
            return ("step", shape.slug)
        case RenameStep(before=before):
            return ("step", before)
        case SetSchedule():
            return ("schedule",)
        case ChangeKind():
            return ("kind",)
        case _:
            return (type(op).__name__, str(getattr(op, "step", "")), str(getattr(op, "name", "")))
