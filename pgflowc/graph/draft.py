"""A flow on its way through the checks: built from the spec as far as it can be, faults included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pgflowc.diagnostics import Span
from pgflowc.document import Path
from pgflowc.document.referred import Referred
from pgflowc.graph.model import FlowOptions, Signal
from pgflowc.spec import PerformModel, Spec, StepModel
from pgflowc_language.payload_types import Array, NamedTypes, PayloadType

# The defaults of PgFlow's own compilers; the core's differ, so migrations state every option.
DEFAULT_MAX_ATTEMPTS = 1
DEFAULT_BASE_DELAY = 1
DEFAULT_TIMEOUT = 30

RUN_INPUT = "$input"
"""What `map:` names to map over the run's input."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """A slug under `depends_on` or `map`, as written and where."""

    slug: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class DraftStep:
    """A step whose dependencies may still name nothing. `path` is where its body stands in the document.

    The output of an approval is the payload of its signal.
    """

    slug: str
    span: Span
    path: Path
    model: StepModel | PerformModel
    depends_on: tuple[Dependency, ...]
    map: Dependency | None
    output: PayloadType | None
    signal: Signal | None = None

    @property
    def output_path(self) -> Path:
        """Where the type of the output is declared, if it is."""
        return (*self.path, "approval", "payload") if self.is_approval else (*self.path, "output")

    @property
    def is_approval(self) -> bool:
        """Whether a signal completes the step, without a handler."""
        return self.signal is not None and self.signal.approval

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What the step waits for, in the order written and without repetition."""
        source = (self.map,) if self.map and self.map.slug != RUN_INPUT else ()
        return tuple(
            {dependency.slug: dependency for dependency in (*self.depends_on, *source)[::-1]}.values()
        )[::-1]

    @property
    def whole_output(self) -> PayloadType | None:
        """What dependents get: a map step's outputs come as one array."""
        return Array(self.output) if self.map and self.output is not None else self.output


@dataclass(frozen=True, slots=True, eq=False)
class TypeUse:
    """The name of a payload type where it is used; `within` is the entry of `types` around it, if any."""

    name: str
    span: Span
    within: str | None


@dataclass(frozen=True, slots=True)
class ClassUse:
    """A class that `$python` names, and where."""

    module: str
    name: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A spec with its payload types read.

    `derived` holds the places of the `$ref` that brought in those `types` that the spec does not write.
    """

    spec: Spec
    kind: Literal["flow", "job"]
    slug: str
    slug_span: Span
    types: NamedTypes
    type_uses: tuple[TypeUse, ...]
    input: PayloadType | None
    steps: dict[str, DraftStep]
    derived: Mapping[str, Span]
    classes: tuple[ClassUse, ...]
    referred: Referred

    @property
    def options(self) -> FlowOptions:
        """The flow's options, defaults included."""
        model = self.spec.model
        return FlowOptions(
            max_attempts=DEFAULT_MAX_ATTEMPTS if model.max_attempts is None else model.max_attempts,
            base_delay=DEFAULT_BASE_DELAY if model.base_delay is None else model.base_delay,
            timeout=DEFAULT_TIMEOUT if model.timeout is None else model.timeout,
        )

    def type_span(self, name: str) -> Span:
        """The place of an entry of `types`, or of the `$ref` that brought it in."""
        return self.derived.get(name) or self.spec.key_span("types", name)

    def has_written(self, slug: str) -> bool:
        """Whether a step of that slug is written, even if it was left out for its faults."""
        return slug in self.steps or self.spec.document.entry("steps", slug) is not None

    def may_be_step(self, slug: str) -> bool:
        """Whether a step of that slug is written, or may be, where the spec could not be read."""
        return slug in self.steps or self.spec.document.may_hold("steps", slug)
