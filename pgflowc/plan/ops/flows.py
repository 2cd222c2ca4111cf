"""Operations on a flow as a whole: its being there, its options, its schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pgflowc.graph.model import Retention
from pgflowc.plan.ops.operation import DRAINED, Mark, Operation, changed
from pgflowc.plan.shape import CronShape, FlowShape
from pgflowc_language.durations import short

OptionName = Literal["max_attempts", "base_delay", "timeout", "start_delay"]
Kind = Literal["flow", "job"]

_OPTION_EFFECTS = {
    "timeout": "new attempts only",
    "max_attempts": "alive runs too, from their next failure on",
    "base_delay": "alive runs too, from their next failure on",
    "start_delay": "alive runs too, unless the step has begun",
}


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
        return f"{DRAINED}; deletes its finished runs and its queue"

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
        return changed(self.name, self.before, self.after)

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
        return changed("cron", _schedule(self.before, self.after), _schedule(self.after, self.before))

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
        return changed("retention", _kept(self.before), _kept(self.after))

    @property
    def effect(self) -> str:
        return "runs that ended longer ago are deleted" if self.after else "all runs are kept from now on"

    @property
    def reverse(self) -> SetRetention:
        """What undoes it."""
        return SetRetention(self.flow, self.after, self.before)


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
    if cron.keeper != (other.keeper if other else "auto"):
        parts.append(f"by {cron.keeper}")
    return " ".join(parts)
