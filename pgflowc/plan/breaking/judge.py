"""Two states of flows to findings: one for each breach of a rule, at the line of the spec that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from pgflowc.diagnostics import Diagnostic, Severity, Span
from pgflowc.diagnostics.codes import breaking as codes
from pgflowc.graph.model import Flow, Step
from pgflowc.plan.agreement import agreed
from pgflowc.plan.breaking.level import Category, Level
from pgflowc.plan.breaking.payloads import Path, PayloadChange, payload_changes
from pgflowc.plan.breaking.rules import RULES
from pgflowc.plan.changes import changes, stored_order
from pgflowc.plan.fingerprints import INPUT
from pgflowc.plan.ops import (
    ChangeCondition,
    ChangeDependencies,
    ChangeKind,
    ChangeType,
    Op,
    RemoveStep,
    RenameStep,
    SetSchedule,
    SetSignal,
)
from pgflowc.plan.shape import FlowShape, SignalShape, StepShape
from pgflowc.plan.state import State, StateFlow
from pgflowc_language.durations import short
from pgflowc_language.payload_schema import read_payload_schema

Locate = Callable[[Flow, Path], Span]
# What runs that finish on a former version do not feel.
_OF_RUNS: tuple[Category, ...] = ("WIRE", "INFLIGHT")


@dataclass(frozen=True, slots=True)
class _Breach:
    """`breaks`, if it is less than the rule says. `of_name`: all versions have it, so none spares anybody."""

    rule: str
    text: str
    place: Path
    span: Span | None = None
    breaks: tuple[Category, ...] = ()
    of_name: bool = False


def judge(before: State, after: State, level: Level, locate: Locate) -> Iterator[Diagnostic]:
    """What of `after`, which are specs, breaks what there is before; in no order.

    `locate` finds the place of keys in the spec of a flow. What `before` does not say is a warning.
    """
    unknown = []
    for name, one in before.flows.items():
        two = after.flows.get(name)
        if two is None:
            yield from _reported(
                [_Breach("FLOW_NO_DELETE", f"{one.shape.kind} '{name}' is gone", ())], None, level, locate
            )
        elif two.flow is not None and not level.ignores(two.flow.source):
            flow = two.flow
            shape = agreed(one.shape, two.shape, kinds=before.kinds, schedules=before.schedules)
            ops = changes(name, shape, two.shape, flow)
            breaches = [*_of_shape(one, shape, two.shape, ops, flow), *_of_types(one, flow)]
            versioned = flow.on_change == "version" and any(op.needs_drain for op in ops)
            yield from _reported(breaches, flow, level, locate, versioned=versioned)
            yield from _not_judged(before.title, one, two, locate)
            if one.payloads is None:
                unknown.append(name)
    if unknown:
        message = f"payload types were not judged: {before.title} holds none"
        help = ("pgflowc breaking --against git:main judges them",)
        yield Diagnostic(codes.NOT_JUDGED, message, help=help)


def _reported(
    breaches: list[_Breach], flow: Flow | None, level: Level, locate: Locate, *, versioned: bool = False
) -> Iterator[Diagnostic]:
    for breach in breaches:
        code, most = RULES[breach.rule]
        breaks = level.counted(breach.rule, breach.breaks or most)
        if breaks is None:
            continue
        spared = versioned and not breach.of_name and any(one in _OF_RUNS for one in breaks)
        felt = tuple(one for one in breaks if one not in _OF_RUNS) if spared else breaks
        help = (
            (f"runs that are alive finish on the former version of '{flow.slug}'",) if spared and flow else ()
        )
        if not felt or level.only_warns(breach.rule, felt):
            code = replace(code, severity=Severity.WARNING)
        span = breach.span or (locate(flow, breach.place) if flow else None)
        message = f"{breach.text} ({breach.rule}: {', '.join(felt or breaks)})"
        yield Diagnostic(code, message, span, help=help)


def _of_shape(
    one: StateFlow, before: FlowShape, after: FlowShape, ops: tuple[Op, ...], flow: Flow
) -> Iterator[_Breach]:
    maps = {step.slug for step in after.steps if step.kind == "map"}
    for op in ops:
        yield from _of_op(op, maps)
        if isinstance(op, SetSignal) and op.before is not None:
            yield from _of_signal(op, op.before, flow, judged=one.flow is not None)
    yield from _of_order(before, after, ops, flow, pure=one.flow is not None)
    yield from _of_timeouts(before, after, ops)


def _of_op(op: Op, maps: set[str]) -> Iterator[_Breach]:
    match op:
        case RemoveStep(step=step):
            yield _Breach("STEP_NO_DELETE", f"step '{step.slug}' is gone", ("steps",))
        case RenameStep(before=before, after=after):
            text = f"step '{before}' is now called '{after}'"
            yield _Breach("STEP_NO_DELETE", text, ("steps", after), op.cause)
        case ChangeDependencies(step=slug):
            rule, key = ("MAP_SOURCE_SAME", "map") if slug in maps else ("DEPENDENCIES_SAME", "depends_on")
            yield _Breach(rule, f"step '{slug}': {op.text}", ("steps", slug, key))
        case ChangeType(step=slug):
            yield _Breach("TYPE_SAME", f"step '{slug}': {op.text}", ("steps", slug), op.cause)
        case ChangeCondition(step=slug, key=key):
            keys = ("approval", key) if key == "on_timeout" else (key,)
            yield _Breach("CONDITION_SAME", f"step '{slug}': {op.text}", ("steps", slug, *keys))
        case SetSchedule(before=before_cron) if before_cron is not None:
            yield _Breach("SCHEDULE_SAME", op.text, ("cron",), op.cause, of_name=True)
        case ChangeKind():
            yield _Breach("KIND_SAME", f"'{op.flow}': {op.text}", (), op.cause)
        case _:
            pass


def _of_signal(op: SetSignal, before: SignalShape, flow: Flow, *, judged: bool) -> Iterator[_Breach]:
    """`judged`: outputs are, and the payload of an approval is one."""
    after, slug = op.after, op.step
    place = ("steps", slug, "approval" if after and after.approval else "signal")
    if op.needs_drain:
        yield _Breach("TYPE_SAME", f"step '{slug}': {op.text}", place, op.cause)
        return
    if after is None:
        yield _Breach(
            "INPUT_FIELD_NO_DELETE", f"the signal of step '{slug}' is gone", place, op.cause, ("HANDLER",)
        )
        return
    if after.wait_for is not None and (before.wait_for is None or after.wait_for < before.wait_for):
        was = "for ever" if before.wait_for is None else short(before.wait_for)
        text = f"step '{slug}': wait_for {was} -> {short(after.wait_for)}"
        yield _Breach("TIMEOUT_NO_SHRINK", text, (*place, "wait_for"))
    if judged and after.approval:
        return
    (one, types), (two, new_types) = (read_payload_schema(shape.payload) for shape in (before, after))
    side, what = ("OUTPUT", "output") if after.approval else ("INPUT", "signal")
    closed = flow.extra.incoming == "forbid"
    for change in payload_changes(one, two, types, new_types, (*place, "payload"), closed=closed):
        yield _of_payload(side, f"the {what} of step '{slug}'", change)


def _of_order(
    before: FlowShape, after: FlowShape, ops: tuple[Op, ...], flow: Flow, *, pure: bool
) -> Iterator[_Breach]:
    """The first step that comes before one that it came after. A mere change of order is stored by nobody, so
    it counts (`pure`) between specs alone.
    """
    renamed = {op.before: op.after for op in ops if isinstance(op, RenameStep)}
    wanted = [step.slug for step in after.steps] if pure else stored_order(ops, before)
    was = [renamed.get(step.slug, step.slug) for step in before.steps]
    places = {slug: place for place, slug in enumerate(was)}
    stays = [slug for slug in wanted if slug in places]
    for one, two in pairwise(stays):
        if places[one] > places[two]:
            text = f"step '{one}' comes before '{two}' now"
            yield _Breach("STEP_NO_REORDER", text, ("steps", one), flow.step(one).span)
            return


def _of_timeouts(before: FlowShape, after: FlowShape, ops: tuple[Op, ...]) -> Iterator[_Breach]:
    """Less time for all steps without a timeout of their own, and for each whose own says so."""
    was, now = before.options.timeout, after.options.timeout
    if now < was:
        yield _Breach("TIMEOUT_NO_SHRINK", f"timeout {was} -> {now}", ("timeout",))
    renamed = {op.after: op.before for op in ops if isinstance(op, RenameStep)}
    old: Mapping[str, StepShape] = {step.slug: step for step in before.steps}
    for step in after.steps:
        former = old.get(renamed.get(step.slug, step.slug))
        if former is None or (former.timeout is None and step.timeout is None):
            continue
        less, more = step.timeout or now, former.timeout or was
        if less < more:
            text = f"step '{step.slug}': timeout {more} -> {less}"
            yield _Breach("TIMEOUT_NO_SHRINK", text, ("steps", step.slug, "timeout"))


def _of_types(one: StateFlow, flow: Flow) -> Iterator[_Breach]:
    """What changed in the payload types, where the other side has them."""
    former = one.flow
    if former is None:
        return
    yield from _of_extra(former, flow)
    types, closed = (former.types, flow.types), flow.extra.incoming == "forbid"
    for change in payload_changes(former.input, flow.input, *types, ("input",), closed=closed):
        yield _of_payload("INPUT", "the input", change)
    names = {step.slug: step.was for step in flow.steps}
    old = {step.slug: step for step in former.steps}
    for step in flow.steps:
        was = old.get(step.slug) or old.get(names[step.slug] or "")
        if was is not None:
            place = ("steps", step.slug, *_output_keys(step))
            for change in payload_changes(was.output, step.output, *types, place, closed=closed):
                yield _of_payload("OUTPUT", f"the output of step '{step.slug}'", change)


def _output_keys(step: Step) -> Path:
    """The keys of a step that lead to its output type."""
    return ("approval", "payload") if step.signal and step.signal.approval else ("output",)


def _of_extra(former: Flow, flow: Flow) -> Iterator[_Breach]:
    """Fields that types do not name are refused now: stored values and results of handlers may have some."""
    ways: tuple[tuple[str, str, str, tuple[Category, ...]], ...] = (
        ("INPUT", former.extra.incoming, flow.extra.incoming, ("WIRE", "INFLIGHT")),
        ("OUTPUT", former.extra.outgoing, flow.extra.outgoing, ("HANDLER",)),
    )
    for side, was, now, breaks in ways:
        if now == "forbid" and was != now:
            text = f"fields of '{flow.slug}' that types do not name: {was} -> {now}"
            yield _Breach(f"{side}_FIELD_SAME_TYPE", text, ("extra_fields",), breaks=breaks)


def _of_payload(side: str, payload: str, change: PayloadChange) -> _Breach:
    what = f"field '{change.field}' of {payload}" if change.field else payload
    breaks: tuple[Category, ...] = ("SOURCE", "HANDLER") if change.readable else ()
    match change.what:
        case "deleted":
            return _Breach(f"{side}_FIELD_NO_DELETE", f"{what} is gone", change.place, breaks=breaks)
        case "new_required":
            text = f"{what} must be there now: it {change.text}"
            return _Breach(f"{side}_FIELD_NO_NEW_REQUIRED", text, change.place)
        case "changed":
            return _Breach(f"{side}_FIELD_SAME_TYPE", f"{what}: {change.text}", change.place, breaks=breaks)


def _not_judged(title: str, one: StateFlow, two: StateFlow, locate: Locate) -> Iterator[Diagnostic]:
    """Types that differ from a fingerprint: in what, nobody can tell."""
    flow = two.flow
    if one.flow is not None or one.payloads is None or two.payloads is None or flow is None:
        return
    # The schemas of approvals are known, too.
    approvals = {step.slug for step in one.shape.steps if step.is_approval}
    for name, print_ in one.payloads.items():
        if name in two.payloads and name not in approvals and two.payloads[name] != print_:
            what = "the type of the input" if name == INPUT else f"the type of the output of step '{name}'"
            span = locate(flow, ("input",) if name == INPUT else ("steps", name, "output"))
            message = f"{what} changed; {title} does not say in what"
            yield Diagnostic(codes.NOT_JUDGED, message, span, help=("pgflowc breaking --against git:main",))
