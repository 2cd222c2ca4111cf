"""Definitions as generated code states them: a `Flow` and its `Step`s, without handlers.

Clients need no more than this to start runs; `registry` binds handlers to it for workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

InputT = TypeVar("InputT")


class Undeclared(Enum):
    """Stands for a type that is not declared, where None is a type."""

    SIGNAL = "signal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a flow.

    `argument` is the type of the handler's first parameter: the flow's input for a root step, the deps class
    for a dependent one, the element for a map step. `output` is the type of what the handler returns. Both
    are anything a pydantic `TypeAdapter` takes. Options are seconds (`max_attempts` a count); None takes the
    flow's. `isolation` says where the handler runs: `process` in a process of its own, which is killed when
    it runs out of time; `thread` in a thread; None in the event loop if it is async, else in a thread.
    `signal` is the type of the payload that its tasks wait for, unless that is not declared. An `approval`
    has no handler: the signal completes it, and its output is the payload.
    """

    slug: str
    kind: Literal["single", "map"] = "single"
    depends_on: tuple[str, ...] = ()
    argument: Any
    output: Any
    max_attempts: int | None = None
    base_delay: int | None = None
    timeout: int | None = None
    start_delay: int | None = None
    isolation: Literal["thread", "process"] | None = None
    signal: Any = Undeclared.SIGNAL
    approval: bool = False

    @property
    def declares_signal(self) -> bool:
        """Whether the type of what its tasks wait for is declared."""
        return self.signal is not Undeclared.SIGNAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow(Generic[InputT]):
    """A flow or job as compiled; `definition_hash` names the definition that its migration establishes.

    `slug` is what the database stores it as. From its second `version` on that is not what people call it:
    `name` is, and runs that are started by it begin on the version that the database calls current.
    `input` is the type of the run's input, anything a pydantic `TypeAdapter` takes. `base_delay` and
    `timeout` are seconds. `extra_in` and `extra_out` say what becomes of fields that a payload type does not
    name: in what handlers get, and in what they return.
    """

    slug: str
    name: str | None = None
    version: int = 1
    kind: Literal["flow", "job"] = "flow"
    input: Any
    max_attempts: int
    base_delay: int
    timeout: int
    extra_in: Literal["ignore", "forbid"] = "ignore"
    extra_out: Literal["ignore", "forbid"] = "forbid"
    definition_hash: str
    steps: tuple[Step, ...]

    @property
    def called(self) -> str:
        """What clients, schedules and commands say."""
        return self.name or self.slug

    def step(self, slug: str) -> Step:
        """The step of that slug; KeyError if the flow has none."""
        for step in self.steps:
            if step.slug == slug:
                return step
        raise KeyError(slug)
