"""Operations on the steps of a flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pgflowc.plan.ops.operation import DRAINED, Mark, Operation, changed
from pgflowc.plan.shape import SignalShape, StepShape
from pgflowc_language.durations import short
from pgflowc_language.payload_schema import spelled_schema

ConditionName = Literal["required", "forbidden", "when_unmet", "when_exhausted"]

# Where a stored word is not the spec's.
_SPEC_KEYS = {"required": "if", "forbidden": "if_not"}


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
        kind = "map" if self.step.kind == "map" else "approval" if self.step.is_approval else ""
        return " ".join(filter(None, [kind, after]))

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
        return f"{DRAINED}; deletes what finished runs kept of it"

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
        return f"{DRAINED}; finished runs are renamed, but for their outputs"

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
        return changed("depends_on", self.before, self.after)

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
    """Change a pattern (canonical JSON text, None when absent) or a mode of a step; the `when_exhausted` of
    one that is an approval is its `on_timeout`.
    """

    step: str
    name: ConditionName
    before: str | None
    after: str | None
    of_approval: bool = False
    needs_drain: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return f"step {self.step}"

    @property
    def text(self) -> str:
        return changed(self.key, self.before, self.after)

    @property
    def key(self) -> str:
        """What the spec calls it."""
        if self.of_approval and self.name == "when_exhausted":
            return "on_timeout"
        return _SPEC_KEYS.get(self.name, self.name)

    @property
    def reverse(self) -> ChangeCondition:
        """What undoes it."""
        return ChangeCondition(self.flow, self.step, self.name, self.after, self.before, self.of_approval)


@dataclass(frozen=True, slots=True)
class SetSignal(Operation):
    """Declare, change or forget what the tasks of a step wait for; or whether it is an approval."""

    step: str
    before: SignalShape | None
    after: SignalShape | None

    @property
    def needs_drain(self) -> bool:  # type: ignore[override]  # depends on what changes
        """Whether the step loses its handler, or gets one."""
        return _is_approval(self.before) != _is_approval(self.after)

    @property
    def subject(self) -> str:
        return f"step {self.step}"

    @property
    def text(self) -> str:
        kinds = [_kind(one) for one in (self.before, self.after) if one]
        if len({*kinds}) > 1:
            return f"{kinds[0]} -> {kinds[1]} {_awaited(self.after, None)}"
        return changed(kinds[0], _awaited(self.before, self.after), _awaited(self.after, self.before))

    @property
    def effect(self) -> str:
        return DRAINED if self.needs_drain else "signals and waits from now on"

    @property
    def reverse(self) -> SetSignal:
        """What undoes it."""
        return SetSignal(self.flow, self.step, self.after, self.before)


def _is_approval(signal: SignalShape | None) -> bool:
    return signal is not None and signal.approval


def _kind(signal: SignalShape) -> str:
    return "approval" if signal.approval else "signal"


def _awaited(signal: SignalShape | None, other: SignalShape | None) -> str | None:
    """As much of a signal as tells it from the other."""
    if signal is None:
        return None
    parts = []
    if other is None or signal.payload != other.payload:
        parts.append(spelled_schema(signal.payload))
    if signal.wait_for != (other.wait_for if other else None):
        parts.append("for ever" if signal.wait_for is None else f"for {short(signal.wait_for)}")
    return " ".join(parts)


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
