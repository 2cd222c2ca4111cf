"""The lock as the first version of pgflowc wrote it: read, and written as the present version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from pgflowc.graph.model import FlowOptions
from pgflowc.plan.shape import FlowShape, StepShape


@dataclass(frozen=True, slots=True)
class MigrationVersion1:
    """A file's name and checksum."""

    name: str
    checksum: str


@dataclass(frozen=True, slots=True)
class FlowVersion1:
    """A flow and the migrations that created it."""

    kind: Literal["flow", "job"]
    options: FlowOptions
    steps: tuple[StepShape, ...]
    hash: str
    migrations: tuple[MigrationVersion1, ...]

    @property
    def shape(self) -> FlowShape:
        """The definition in the database once the migrations are applied."""
        return FlowShape(self.kind, self.options, self.steps)


@dataclass(frozen=True, slots=True)
class LockVersion1:
    """All flows that have migrations, by slug."""

    version: Literal[1] = 1
    flows: dict[str, FlowVersion1] = field(default_factory=dict)
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)
