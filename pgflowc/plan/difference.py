"""What leads from one state of flows to another: operations with a word on how safe each is, and drift.

Pure, like planning: who compares with a database reads the state first, and the alive runs that the
operations put at risk afterwards, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from pgflowc.plan.agreement import agreed
from pgflowc.plan.alive import AliveRuns
from pgflowc.plan.changes import changes
from pgflowc.plan.drift import drifted
from pgflowc.plan.fingerprints import INPUT
from pgflowc.plan.hazards import Hazard, hazards
from pgflowc.plan.model import MigrationFormat
from pgflowc.plan.ops import (
    ChangeOption,
    ChangePayload,
    CreateFlow,
    DropFlow,
    Mark,
    Op,
    OrderSteps,
    RecreateFlow,
    SetRetention,
    SetSchedule,
    SwitchVersion,
)
from pgflowc.plan.rollout import Rollout, rollout
from pgflowc.plan.state import State, StateFlow
from pgflowc.plan.versions import stored_slug

Safety = Literal["safe", "new version", "new attempts only", "needs drain", "breaks", "payload"]
DRAINED: Final = "needs drain"


@dataclass(frozen=True, slots=True)
class Line:
    """One operation: `breaks` counts the alive runs that it breaks, None where they were not counted.

    `drift` says how, where the database differs from the lock in what the operation changes.
    """

    op: Op
    safety: Safety
    breaks: int | None = None
    examples: tuple[str, ...] = ()
    drift: str | None = None

    @property
    def mark(self) -> Mark | Literal["!"]:
        """Terraform's, and `!` for drift."""
        return "!" if self.drift else self.op.mark

    @property
    def word(self) -> str:
        """`safe`, `new attempts only`, `needs drain`, `breaks 3 runs`."""
        if self.safety == "breaks":
            return f"breaks {self.breaks} {'run' if self.breaks == 1 else 'runs'}"
        return "see pgflowc breaking" if self.safety == "payload" else self.safety

    @property
    def detail(self) -> str:
        """What else there is to know about it; may be empty."""
        parts = [part for part in self.op.effect.split("; ") if part not in ("", DRAINED, "safe", self.word)]
        if self.safety == "new version":
            parts = []
        return "; ".join([*parts, *([self.drift] if self.drift else [])])


@dataclass(frozen=True, slots=True)
class FlowDifference:
    """The operations on one flow; `stored` is the slug that the database has it under."""

    name: str
    kind: Literal["flow", "job"]
    lines: tuple[Line, ...]
    stored: str
    source: str | None = None
    alive: AliveRuns | None = None
    notes: tuple[str, ...] = ()
    mend: tuple[Op, ...] = ()
    """What takes drift back to the lock."""
    rollout: Rollout | None = None
    """The way to the new version, if it makes one, and the number of the former one is known."""

    @property
    def mark(self) -> Mark | Literal["!"]:
        """That of the whole flow: `!` where all that differs is drift."""
        whole = next(
            (line for line in self.lines if isinstance(line.op, CreateFlow | DropFlow | RecreateFlow)), None
        )
        if whole is not None:
            return whole.mark
        return "!" if self.lines and all(line.drift for line in self.lines) else "~"

    @property
    def ops(self) -> tuple[Op, ...]:
        """The operations in the order in which they can be applied."""
        return tuple(line.op for line in self.lines)

    @property
    def at_risk(self) -> tuple[Hazard, ...]:
        """What may happen to runs that are alive; nothing when the shape stays, or gets another version."""
        return () if self.makes_version else tuple(hazards(self.ops))

    @property
    def makes_version(self) -> bool:
        """Whether the flow gets another version, and what is stored so far stays."""
        return any(line.safety == "new version" for line in self.lines)


@dataclass(frozen=True, slots=True)
class Difference:
    """All flows that differ, by name. `strangers` are flows of a database that this project does not know:
    they are no difference.
    """

    before: str
    after: str
    flows: tuple[FlowDifference, ...] = ()
    strangers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> Iterator[Line]:
        """The operations on all flows; what only reorders steps is none to a reader."""
        return (line for flow in self.flows for line in flow.lines if not isinstance(line.op, OrderSteps))

    @property
    def at_risk(self) -> dict[str, tuple[Hazard, ...]]:
        """The hazards by the slug of the stored flow, for flows whose alive runs matter."""
        return {flow.stored: flow.at_risk for flow in self.flows if flow.at_risk or flow.makes_version}


@dataclass(frozen=True, slots=True)
class Known:
    """What a project knows of a database: its lock, and by flow the names of migrations not applied yet.

    `tool` is what applies them, if that is not pgflowc.
    """

    lock: State
    pending: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tool: MigrationFormat | None = None


def difference(
    before: State, after: State, known: Known | None = None, ours: Set[str] | None = None
) -> Difference:
    """The operations from `before` to `after`.

    With `known`, `before` is a database: its differences from the lock are drift, except in flows with
    pending migrations. With `ours`, one of both is a database, and flows of it that are not among these
    names are strangers.
    """
    found: list[FlowDifference] = []
    strangers: list[str] = []
    for name in sorted({*before.flows, *after.flows}):
        one, two = before.flows.get(name), after.flows.get(name)
        if known and one and one.payloads is None and name in known.lock.flows:
            # A database holds no types: those that its migrations were compiled with count.
            one = replace(one, payloads=known.lock.flows[name].payloads)
        if ours is not None and name not in ours and (one is None or two is None):
            strangers.append(name)
            continue
        flow = _flow(name, one, two, before, after)
        found.append(_with_drift(flow, name, before, known) if known else flow)
    differing = tuple(flow for flow in found if flow.lines)
    return Difference(before.title, after.title, differing, tuple(strangers))


def with_alive(found: Difference, alive: Mapping[str, AliveRuns]) -> Difference:
    """The difference, judged by the runs that are alive, by stored slug."""
    return replace(
        found,
        flows=tuple(
            _judged(flow, alive[flow.stored]) if flow.stored in alive else flow for flow in found.flows
        ),
    )


def _flow(
    name: str, one: StateFlow | None, two: StateFlow | None, before: State, after: State
) -> FlowDifference:
    if one is None or two is None:
        there = one or two
        assert there is not None
        op = (
            CreateFlow(name, there.shape, cause=there.flow.span if there.flow else None)
            if one is None
            else None
        )
        ops: tuple[Op, ...] = (op or DropFlow(name, there.shape),)
    else:
        both = {
            "kinds": before.kinds and after.kinds,
            "schedules": before.schedules and after.schedules,
        }
        shape = agreed(one.shape, two.shape, **both)
        ops = changes(name, shape, two.shape, two.flow)
        on_change = two.flow.on_change if two.flow else "drain"
        if on_change == "recreate" and any(op.needs_drain for op in ops):
            lines = tuple(op.change for op in ops if not isinstance(op, OrderSteps))
            ops = (RecreateFlow(name, shape, two.shape, lines, cause=two.flow.span if two.flow else None),)
        ops = (*ops, *_payloads(name, one, two))
    there = two or one
    assert there is not None
    found = FlowDifference(
        name,
        there.shape.kind,
        tuple(Line(op, _safety(op)) for op in ops),
        (one.stored if one else None) or name,
        two.flow.source if two and two.flow else None,
        notes=(*(one.notes if one else ()), *(two.notes if two else ())),
    )
    versioned = two is not None and two.flow is not None and two.flow.on_change == "version"
    if one is None or not versioned or not any(op.needs_drain for op in ops):
        return found
    of_name = SetSchedule | SetRetention | ChangePayload
    versions = tuple(
        line if isinstance(line.op, of_name) else replace(line, safety="new version") for line in found.lines
    )
    # Specs do not say which version they are.
    way = rollout(name, one.version, one.version + 1) if one.stored else None
    return replace(found, lines=versions, rollout=way)


def _safety(op: Op) -> Safety:
    match op:
        case ChangeOption():
            return "new attempts only"
        case ChangePayload():
            return "payload"
        case _:
            return DRAINED if op.needs_drain or isinstance(op, RecreateFlow) else "safe"


def _payloads(name: str, one: StateFlow, two: StateFlow) -> Iterator[ChangePayload]:
    """The payload types of the input, and of steps in both, whose fingerprint is another."""
    if one.payloads is None or two.payloads is None:
        return
    for key in (INPUT, *(step.slug for step in two.shape.steps)):
        if key in one.payloads and one.payloads[key] != two.payloads.get(key):
            spans = {step.slug: step.span for step in two.flow.steps} if two.flow else {}
            cause = spans.get(key, two.flow.span if two.flow else None)
            yield ChangePayload(name, None if key == INPUT else key, cause=cause)


def _with_drift(flow: FlowDifference, name: str, before: State, known: Known) -> FlowDifference:
    pending = known.pending.get(name)
    there, locked = before.flows.get(name), known.lock.flows.get(name)
    if pending:
        way = flow.rollout
        if way and locked and locked.version == way.after:
            names = _phase_migrations(pending, way)
            way = rollout(name, way.before, way.after, *names, known.tool)
            # A version that is there already has only to be switched to.
            way = way if names[0] else replace(way, phases=way.phases[2:])
        return replace(flow, rollout=way, notes=(*flow.notes, f"not applied yet: {', '.join(pending)}"))
    if locked is None:
        return flow
    if there is not None and there.version != locked.version:
        switch = SwitchVersion(name, there.version, locked.version)
        said = f"drift: the lock says version {locked.version}"
        return replace(
            flow, lines=(*flow.lines, Line(switch, "safe", drift=said)), rollout=None, mend=(switch,)
        )
    drift = drifted(
        name,
        there.shape if there else None,
        locked.shape,
        flow.ops,
        kinds=before.kinds,
        schedules=before.schedules,
    )
    lines = [replace(line, drift=drift.of.get(place)) for place, line in enumerate(flow.lines)]
    return replace(
        flow,
        lines=(*lines, *(Line(op, _safety(op), drift=text) for op, text in drift.unasked)),
        mend=drift.mend,
    )


def _phase_migrations(pending: Sequence[str], way: Rollout) -> tuple[str | None, str | None]:
    """The names of the migrations, of those not applied yet, that define the version and switch to it."""
    names = [path.rpartition("/")[2].rpartition(".")[0] for path in pending]
    slug = stored_slug(way.flow, way.after)
    ends = (f"_create_{slug}", f"_switch_{way.flow}_to_v{way.after}")
    create, switch = (next((name for name in names if name.endswith(end)), None) for end in ends)
    return create, switch


def _judged(flow: FlowDifference, alive: AliveRuns) -> FlowDifference:
    risky = {hazard.place for hazard in flow.at_risk}
    lines = []
    for place, line in enumerate(flow.lines):
        if place in risky:
            breaks = alive.breaks(place)
            examples = alive.broken[place].examples if breaks else ()
            line = replace(line, safety="breaks" if breaks else DRAINED, breaks=breaks, examples=examples)
        lines.append(line)
    return replace(flow, lines=tuple(lines), alive=alive)
