"""Operations on the versions of a flow, under `on_change: version`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgflowc.plan.ops.operation import DRAINED, Mark, Operation
from pgflowc.plan.shape import CronShape, FlowShape


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
        return f"{DRAINED}; deletes its finished runs and its queue"

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
