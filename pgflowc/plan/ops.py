"""Operations on the flows of a database. Each knows its cause, its reverse, and its effect on runs.

An operation is a value: what it says to people is here, what it says to PostgreSQL is `render.statements`.
Long, because it is one closed set: adding an operation means reading the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pgflowc.diagnostics import Span
from pgflowc.graph.model import Retention
from pgflowc.plan.shape import CronShape, FlowShape, StepShape
from pgflowc.spec.duration import short

Mark = Literal["+", "~", "-", "-/+"]
OptionName = Literal["max_attempts", "base_delay", "timeout", "start_delay"]
ConditionName = Literal["required", "forbidden", "when_unmet", "when_exhausted"]
Kind = Literal["flow", "job"]

_DRAINED = "needs drain"
# Longer patterns say no more to a reader.
_SHOWN_MOST = 60
_OPTION_EFFECTS = {
    "timeout": "new attempts only",
    "max_attempts": "alive runs too, from their next failure on",
    "base_delay": "alive runs too, from their next failure on",
    "start_delay": "alive runs too, unless the step has begun",
}
# Where a stored word is not the spec's.
_SPEC_KEYS = {"required": "if", "forbidden": "if_not"}


@dataclass(frozen=True, slots=True)
class Operation:
    """What all operations have: `flow` is the flow's slug, `cause` the place in a spec that asks for it.

    `mark` is Terraform's; `subject` and `text` are one line together; `effect` says what becomes of runs.
    """

    flow: str
    cause: Span | None = field(default=None, compare=False, kw_only=True)

    mark: ClassVar[Mark] = "~"
    needs_drain: ClassVar[bool] = False
    """Whether runs that are alive would break."""
    lost: ClassVar[str] = ""
    """What it deletes and its reverse cannot bring back."""

    @property
    def stored(self) -> str:
        """The slug of the stored flow that it is done to, and whose runs it may break."""
        return self.flow

    @property
    def subject(self) -> str:
        """What it is done to."""
        return f"flow {self.flow}"

    @property
    def text(self) -> str:
        """What is done; may be empty."""
        return ""

    @property
    def effect(self) -> str:
        """What it means for runs."""
        return _DRAINED if self.needs_drain else "safe"

    @property
    def change(self) -> str:
        """`~ step charge: timeout 30 -> 60`."""
        return f"{self.mark} {self.subject}{f': {self.text}' if self.text else ''}"

    @property
    def line(self) -> str:
        """`~ step charge: timeout 30 -> 60 (new attempts only)`."""
        return f"{self.change} ({self.effect})" if self.effect else self.change


@dataclass(frozen=True, slots=True)
class CreateFlow(Operation):
    """Create a flow or job with its queue, all its steps, and its schedule."""

    shape: FlowShape
    mark: ClassVar[Mark] = "+"

    @property
    def subject(self) -> str:
        return f"{self.shape.kind} {self.flow}"

    @property
    def text(self) -> str:
        return f"{len(self.shape.steps)} step{'' if len(self.shape.steps) == 1 else 's'}"

    @property
    def effect(self) -> str:
        return ""

    @property
    def reverse(self) -> DropFlow:
        """What undoes it."""
        return DropFlow(self.flow, self.shape)


@dataclass(frozen=True, slots=True)
class DropFlow(Operation):
    """Delete a flow that has no run alive, with its queue, its finished runs and its schedule."""

    shape: FlowShape
    mark: ClassVar[Mark] = "-"
    needs_drain: ClassVar[bool] = True
    lost: ClassVar[str] = "all its runs, and its queue"

    @property
    def subject(self) -> str:
        return f"{self.shape.kind} {self.flow}"

    @property
    def effect(self) -> str:
        return f"{_DRAINED}; deletes its finished runs and its queue"

    @property
    def reverse(self) -> CreateFlow:
        """What undoes it, but for the runs."""
        return CreateFlow(self.flow, self.shape)


@dataclass(frozen=True, slots=True)
class RecreateFlow(Operation):
    """Delete a flow with all its runs, alive ones too, and create it with another shape."""

    before: FlowShape
    after: FlowShape
    changes: tuple[str, ...] = ()
    mark: ClassVar[Mark] = "-/+"
    lost: ClassVar[str] = "all its runs, and the messages in its queue"

    @property
    def subject(self) -> str:
        return f"{self.after.kind} {self.flow}"

    @property
    def text(self) -> str:
        return "; ".join(self.changes)

    @property
    def effect(self) -> str:
        return "deletes all its runs, those alive too"

    @property
    def reverse(self) -> RecreateFlow:
        """The former definition, without its runs."""
        return RecreateFlow(self.flow, self.after, self.before)


@dataclass(frozen=True, slots=True)
class CreateVersion(Operation):
    """Define another version of the flow of that name, stored under a slug of its own; runs go on starting on
    the current one. `changes` are lines on what differs from that.
    """

    version: int
    slug: str
    shape: FlowShape
    changes: tuple[str, ...] = ()
    mark: ClassVar[Mark] = "+"

    @property
    def stored(self) -> str:
        return self.slug

    @property
    def text(self) -> str:
        return f"version {self.version}, stored as {self.slug}"

    @property
    def effect(self) -> str:
        return "runs that are alive finish on their own version"

    @property
    def reverse(self) -> DropVersion:
        """What undoes it."""
        return DropVersion(self.flow, self.version, self.slug, self.shape)


@dataclass(frozen=True, slots=True)
class DropVersion(Operation):
    """Delete a version that has no run alive, with its queue and its finished runs."""

    version: int
    slug: str
    shape: FlowShape
    mark: ClassVar[Mark] = "-"
    needs_drain: ClassVar[bool] = True

    @property
    def lost(self) -> str:  # type: ignore[override]  # depends on the version
        return f"the runs of version {self.version}, and its queue"

    @property
    def stored(self) -> str:
        return self.slug

    @property
    def text(self) -> str:
        return f"version {self.version}, stored as {self.slug}"

    @property
    def effect(self) -> str:
        return f"{_DRAINED}; deletes its finished runs and its queue"

    @property
    def reverse(self) -> CreateVersion:
        """What undoes it, but for the runs."""
        return CreateVersion(self.flow, self.version, self.slug, self.shape)


@dataclass(frozen=True, slots=True)
class SwitchVersion(Operation):
    """Let runs of that name start on another version from now on. `cron` is a schedule of pg_cron that names
    the stored flow so far, and has to name the flow.
    """

    before: int
    after: int
    cron: CronShape | None = None

    @property
    def text(self) -> str:
        return f"current version {self.before} -> {self.after}"

    @property
    def effect(self) -> str:
        return "new runs only"

    @property
    def reverse(self) -> SwitchVersion:
        """What undoes it."""
        return SwitchVersion(self.flow, self.after, self.before, self.cron)


@dataclass(frozen=True, slots=True)
class ChangeOption(Operation):
    """Give an option of the flow (`step` is None) or of a step another value; None takes the flow's."""

    step: str | None
    name: OptionName
    before: int | None
    after: int | None

    @property
    def subject(self) -> str:
        return f"flow {self.flow}" if self.step is None else f"step {self.step}"

    @property
    def text(self) -> str:
        return _change(self.name, self.before, self.after)

    @property
    def effect(self) -> str:
        return _OPTION_EFFECTS[self.name]

    @property
    def reverse(self) -> ChangeOption:
        """What undoes it."""
        return ChangeOption(self.flow, self.step, self.name, self.after, self.before)


@dataclass(frozen=True, slots=True)
class ChangeKind(Operation):
    """Make a job of a flow, or a flow of a job: a word for people."""

    before: Kind
    after: Kind

    @property
    def text(self) -> str:
        return f"{self.before} -> {self.after}"

    @property
    def reverse(self) -> ChangeKind:
        """What undoes it."""
        return ChangeKind(self.flow, self.after, self.before)


@dataclass(frozen=True, slots=True)
class SetSchedule(Operation):
    """Set, change or remove the schedule. `by_name`: it starts the current one of several versions."""

    before: CronShape | None
    after: CronShape | None
    by_name: bool = False

    @property
    def text(self) -> str:
        return _change("cron", _schedule(self.before, self.after), _schedule(self.after, self.before))

    @property
    def effect(self) -> str:
        return "runs that are alive go on"

    @property
    def reverse(self) -> SetSchedule:
        """What undoes it."""
        return SetSchedule(self.flow, self.after, self.before, self.by_name)


@dataclass(frozen=True, slots=True)
class SetRetention(Operation):
    """Set, change or remove how long ended runs are kept."""

    before: Retention | None
    after: Retention | None

    @property
    def text(self) -> str:
        return _change("retention", _kept(self.before), _kept(self.after))

    @property
    def effect(self) -> str:
        return "runs that ended longer ago are deleted" if self.after else "all runs are kept from now on"

    @property
    def reverse(self) -> SetRetention:
        """What undoes it."""
        return SetRetention(self.flow, self.after, self.before)


@dataclass(frozen=True, slots=True)
class AddStep(Operation):
    """Add a step that no step depends on, unless that one is added or changed, too."""

    step: StepShape
    mark: ClassVar[Mark] = "+"

    @property
    def subject(self) -> str:
        return f"step {self.step.slug}"

    @property
    def text(self) -> str:
        after = f"after {', '.join(self.step.depends_on)}" if self.step.depends_on else ""
        return " ".join(filter(None, ["map" if self.step.kind == "map" else "", after]))

    @property
    def effect(self) -> str:
        return "runs started before go on without it"

    @property
    def reverse(self) -> RemoveStep:
        """What undoes it."""
        return RemoveStep(self.flow, self.step)


@dataclass(frozen=True, slots=True)
class RemoveStep(Operation):
    """Remove a step, with what finished runs kept of it."""

    step: StepShape
    mark: ClassVar[Mark] = "-"
    needs_drain: ClassVar[bool] = True

    @property
    def lost(self) -> str:  # type: ignore[override]  # depends on the step
        return f"what finished runs kept of step {self.step.slug}"

    @property
    def subject(self) -> str:
        return f"step {self.step.slug}"

    @property
    def effect(self) -> str:
        return f"{_DRAINED}; deletes what finished runs kept of it"

    @property
    def reverse(self) -> AddStep:
        """What undoes it, but for what finished runs kept."""
        return AddStep(self.flow, self.step)


@dataclass(frozen=True, slots=True)
class RenameStep(Operation):
    """Give a step another slug, in finished runs too."""

    before: str
    after: str
    needs_drain: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return f"step {self.before}"

    @property
    def text(self) -> str:
        return f"is now {self.after}"

    @property
    def effect(self) -> str:
        return f"{_DRAINED}; finished runs are renamed, but for their outputs"

    @property
    def reverse(self) -> RenameStep:
        """What undoes it."""
        return RenameStep(self.flow, self.after, self.before)


@dataclass(frozen=True, slots=True)
class ChangeDependencies(Operation):
    """Make a step wait for other steps; both are sorted."""

    step: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    needs_drain: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return f"step {self.step}"

    @property
    def text(self) -> str:
        return _change("depends_on", self.before, self.after)

    @property
    def reverse(self) -> ChangeDependencies:
        """What undoes it."""
        return ChangeDependencies(self.flow, self.step, self.after, self.before)


@dataclass(frozen=True, slots=True)
class ChangeType(Operation):
    """Make a map of a single step, or the other way round."""

    step: str
    before: Literal["single", "map"]
    after: Literal["single", "map"]
    needs_drain: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return f"step {self.step}"

    @property
    def text(self) -> str:
        return f"{self.before} -> {self.after}"

    @property
    def reverse(self) -> ChangeType:
        """What undoes it."""
        return ChangeType(self.flow, self.step, self.after, self.before)


@dataclass(frozen=True, slots=True)
class ChangeCondition(Operation):
    """Change a pattern (canonical JSON text, None when absent) or a mode of a step."""

    step: str
    name: ConditionName
    before: str | None
    after: str | None
    needs_drain: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return f"step {self.step}"

    @property
    def text(self) -> str:
        return _change(_SPEC_KEYS.get(self.name, self.name), self.before, self.after)

    @property
    def reverse(self) -> ChangeCondition:
        """What undoes it."""
        return ChangeCondition(self.flow, self.step, self.name, self.after, self.before)


@dataclass(frozen=True, slots=True)
class OrderSteps(Operation):
    """Put the steps into another order: for lists and events, of no effect on what runs do."""

    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"steps in the order {', '.join(self.after)}"

    @property
    def reverse(self) -> OrderSteps:
        """What undoes it."""
        return OrderSteps(self.flow, self.after, self.before)


@dataclass(frozen=True, slots=True)
class ChangePayload(Operation):
    """A payload type has another fingerprint: Python changes, SQL does not. `step` is None for the input."""

    step: str | None

    @property
    def subject(self) -> str:
        return f"flow {self.flow}" if self.step is None else f"step {self.step}"

    @property
    def text(self) -> str:
        return "input type changed" if self.step is None else "output type changed"

    @property
    def effect(self) -> str:
        return "no SQL; what alive runs hold keeps the old form"

    @property
    def reverse(self) -> ChangePayload:
        """The same: only a spec can change it back."""
        return self


Op = (
    CreateFlow
    | DropFlow
    | RecreateFlow
    | CreateVersion
    | DropVersion
    | SwitchVersion
    | ChangeOption
    | ChangeKind
    | SetSchedule
    | SetRetention
    | AddStep
    | RemoveStep
    | RenameStep
    | ChangeDependencies
    | ChangeType
    | ChangeCondition
    | OrderSteps
    | ChangePayload
)


def _change(name: str, before: Any, after: Any) -> str:
    return f"{name} {shown(before)} -> {shown(after)}"


def shown(value: Any) -> str:
    """A value as lines have it, no longer than a reader wants it."""
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    text = str(value)
    return text if len(text) <= _SHOWN_MOST else f"{text[: _SHOWN_MOST - 3]}..."


def _kept(retention: Retention | None) -> str | None:
    """Each end that has a time, with it."""
    if retention is None:
        return None
    times = {"completed": retention.completed, "failed": retention.failed}
    return ", ".join(f"{end} {short(seconds)}" for end, seconds in times.items() if seconds is not None)


def _schedule(cron: CronShape | None, other: CronShape | None) -> str | None:
    """As much of a schedule as tells it from the other."""
    if cron is None:
        return None
    parts = [f'"{cron.schedule}"']
    if cron.timezone != (other.timezone if other else "UTC"):
        parts.append(cron.timezone)
    if cron.input != (other.input if other else "{}"):
        parts.append(cron.input)
    if cron.catch_up != (other.catch_up if other else "none"):
        parts.append(f"catch_up {cron.catch_up}")
    if cron.overlap != (other.overlap if other else "allow"):
        parts.append(f"overlap {cron.overlap}")
    if cron.keeper != (other.keeper if other else "worker"):
        parts.append(f"by {cron.keeper}")
    return " ".join(parts)
