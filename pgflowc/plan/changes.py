"""Two definitions of a flow to the operations that lead from one to the other, in the order to apply them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from pgflowc.diagnostics import Span
from pgflowc.graph.model import Flow
from pgflowc.plan.fingerprints import INPUT
from pgflowc.plan.ops import (
    AddStep,
    ChangeCondition,
    ChangeDependencies,
    ChangeKind,
    ChangeOption,
    ChangePayload,
    ChangeType,
    ConditionName,
    Op,
    OptionName,
    OrderSteps,
    RemoveStep,
    RenameStep,
    SetRetention,
    SetSchedule,
    SetSignal,
)
from pgflowc.plan.shape import FlowShape, StepShape

_FLOW_OPTIONS: tuple[OptionName, ...] = ("max_attempts", "base_delay", "timeout")
_STEP_OPTIONS: tuple[OptionName, ...] = get_args(OptionName)
_CONDITION: tuple[ConditionName, ...] = get_args(ConditionName)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where in a spec the flow and its steps stand; nowhere without a spec."""

    flow: Span | None
    steps: Mapping[str, Span]

    def step(self, slug: str | None) -> Span | None:
        return self.steps.get(slug, self.flow) if slug else self.flow


def changes(slug: str, before: FlowShape, after: FlowShape, flow: Flow | None = None) -> tuple[Op, ...]:
    """The operations from `before` to `after`; none when only the order of steps or dependencies differs.

    `flow` is the spec behind `after`: it tells the causes, and which steps were renamed (`was`).
    Every operation finds the steps that it names: renamed ones first, then added, changed, and removed ones.
    """
    if before == after:
        return ()
    places = _Places(
        flow.span if flow else None, {step.slug: step.span for step in flow.steps} if flow else {}
    )
    renamed = _renamed(before, after, flow)
    old = {step.slug: step for step in _with_names(before.steps, renamed)}
    new = {step.slug: step for step in after.steps}
    ops: list[Op] = []
    if before.kind != after.kind:
        ops.append(ChangeKind(slug, before.kind, after.kind, cause=places.flow))
    for name in _FLOW_OPTIONS:
        one, two = getattr(before.options, name), getattr(after.options, name)
        if one != two:
            ops.append(ChangeOption(slug, None, name, one, two, cause=places.flow))
    ops += [RenameStep(slug, was, now, cause=places.step(now)) for was, now in renamed.items()]
    ops += [AddStep(slug, step, cause=places.step(step.slug)) for step in after.steps if step.slug not in old]
    for step in after.steps:
        if step.slug in old:
            ops += _changed_step(slug, old[step.slug], step, places.step(step.slug))
    gone = [step for name, step in reversed(old.items()) if name not in new]
    ops += [RemoveStep(slug, step, cause=places.flow) for step in gone]
    ops += _ordered(slug, ops, before, after, places.flow)
    if before.cron != after.cron:
        cause = flow.cron.span if flow and flow.cron else places.flow
        ops.append(SetSchedule(slug, before.cron, after.cron, cause=cause))
    if before.retention != after.retention:
        ops.append(SetRetention(slug, before.retention, after.retention, cause=places.flow))
    return tuple(ops)


def undo(slug: str, ops: Sequence[Op], before: FlowShape, after: FlowShape) -> tuple[Op, ...]:
    """The operations from `after` back to `before`; `ops` are those from `before` to `after`."""
    back = [op.reverse for op in reversed(ops) if not isinstance(op, OrderSteps)]
    return (*back, *_ordered(slug, back, after, before))


def payload_changes(
    slug: str, before: Mapping[str, str], after: Mapping[str, str], flow: Flow
) -> tuple[ChangePayload, ...]:
    """The payload types of steps that stay, and of the input, whose fingerprint is another."""
    stays = {INPUT: flow.span, **{step.slug: step.span for step in flow.steps}}
    return tuple(
        ChangePayload(slug, None if name == INPUT else name, cause=span)
        for name, span in stays.items()
        if name in before and before[name] != after.get(name)
    )


def _renamed(before: FlowShape, after: FlowShape, flow: Flow | None) -> dict[str, str]:
    """Former slug -> slug of the steps that the spec says were renamed.

    A `was` that stayed in the spec after its migration says nothing any more.
    """
    old = {step.slug for step in before.steps}
    gone = old - {step.slug for step in after.steps}
    found: dict[str, str] = {}
    for step in flow.steps if flow else ():
        if step.was in gone and step.slug not in old:
            found.setdefault(step.was, step.slug)
    return found


def _with_names(steps: tuple[StepShape, ...], renamed: Mapping[str, str]) -> Iterator[StepShape]:
    for step in steps:
        depends_on = tuple(renamed.get(slug, slug) for slug in step.depends_on)
        yield replace(step, slug=renamed.get(step.slug, step.slug), depends_on=depends_on)


def _changed_step(flow: str, before: StepShape, after: StepShape, cause: Span | None) -> Iterator[Op]:
    slug = after.slug
    signal = SetSignal(flow, slug, before.signal, after.signal, cause=cause)
    # No map is an approval, not for a moment: neither on this way nor on that back.
    if before.signal != after.signal and before.is_approval:
        yield signal
    if before.kind != after.kind:
        yield ChangeType(flow, slug, before.kind, after.kind, cause=cause)
    waits, waited = tuple(sorted(after.depends_on)), tuple(sorted(before.depends_on))
    if waits != waited:
        yield ChangeDependencies(flow, slug, waited, waits, cause=cause)
    for option in _STEP_OPTIONS:
        old, new = getattr(before, option), getattr(after, option)
        if old != new:
            yield ChangeOption(flow, slug, option, old, new, cause=cause)
    for name in _CONDITION:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            approval = before.is_approval and after.is_approval
            yield ChangeCondition(flow, slug, name, old, new, approval, cause=cause)
    if before.signal != after.signal and not before.is_approval:
        yield signal


def stored_order(ops: Sequence[Op], before: FlowShape) -> tuple[str, ...]:
    """The steps in the order that the database has after these operations."""
    slugs = [step.slug for step in before.steps]
    for op in ops:
        match op:
            case AddStep():
                slugs.append(op.step.slug)
            case RemoveStep():
                slugs.remove(op.step.slug)
            case RenameStep():
                slugs[slugs.index(op.before)] = op.after
            case OrderSteps():
                slugs = list(op.after)
            case _:
                pass
    return tuple(slugs)


def _ordered(
    slug: str, ops: Sequence[Op], before: FlowShape, after: FlowShape, cause: Span | None = None
) -> Iterator[OrderSteps]:
    """The operation that gives the steps the order of a flow that is created as `after`, if `ops` do not.

    A mere change of order is none: it would be a migration for nothing.
    """
    stored, wanted = stored_order(ops, before), tuple(step.slug for step in after.steps)
    if stored != wanted and any(isinstance(op, AddStep | RemoveStep | ChangeDependencies) for op in ops):
        yield OrderSteps(slug, stored, wanted, cause=cause)
