"""The checked program: flows, steps and edges, frozen. Every later stage reads this and nothing before it.

A `Flow` exists only if it passed every check, so later stages never meet an unknown dependency, a cycle or a
bad slug.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pgflowc.diagnostics import Span
from pgflowc_language.payload_types import NamedTypes, PayloadType

SkipMode = Literal["fail", "skip", "skip-cascade"]
OnChange = Literal["version", "drain", "recreate"]
CatchUp = Literal["none", "last", "all"]
Overlap = Literal["allow", "skip"]
ExtraMode = Literal["ignore", "forbid"]
Isolation = Literal["thread", "process"]


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """A flow's options, all explicit: `base_delay` and `timeout` in seconds."""

    max_attempts: int
    base_delay: int
    timeout: int


@dataclass(frozen=True, slots=True)
class StepOptions:
    """A step's own options; None takes the flow's. Delays and `timeout` in seconds."""

    max_attempts: int | None = None
    base_delay: int | None = None
    timeout: int | None = None
    start_delay: int | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """When a step runs: JSON-containment patterns (canonical JSON texts of objects, None when absent) and
    what a miss does.
    """

    required: str | None = None
    forbidden: str | None = None
    when_unmet: SkipMode = "skip"
    when_exhausted: SkipMode = "fail"


@dataclass(frozen=True, slots=True)
class Cron:
    """When runs start by themselves.

    `schedule` has five fields, one blank between them, or is a name such as `@hourly`; `timezone` is an IANA
    name; `input` is the canonical JSON text of each run's input. `catch_up` and `overlap` are as the language
    has them. `span` is the place of the schedule.
    """

    schedule: str
    timezone: str
    input: str
    span: Span
    catch_up: CatchUp = "none"
    overlap: Overlap = "allow"


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds for which runs are kept after they completed or failed; None: for ever."""

    completed: int | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class ExtraFields:
    """What happens to fields that a payload type does not name: in payloads that a handler gets (`incoming`:
    the run's input, outputs of dependencies, map items, signals) and in what it returns (`outgoing`).
    """

    incoming: ExtraMode = "ignore"
    outgoing: ExtraMode = "forbid"


@dataclass(frozen=True, slots=True)
class Signal:
    """What the tasks of a step wait for: the signal's payload, and for how many seconds; None: for ever.

    Under `approval` the step has no handler: the signal completes it, and its payload is the step's output.
    What a timeout of an approval does is the step's `when_exhausted`. `span` is the place of the key.
    """

    payload: PayloadType
    wait_for: int | None
    span: Span
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step. A `map` step has no dependency (it maps the flow's input) or exactly one (it maps that step's
    output).

    `depends_on` keeps the order written, without duplicates. `output` is what one task returns: for a map
    step, what the handler returns per element; None when not declared. `may_be_skipped` says that dependents
    can run without this step's output. `span` is the place of the slug. `was` is the slug that the step had
    before, if it was renamed. `isolation` says where a plain function runs, a thread when None.
    `handler_span` and `was_span` are the places of `handler` and `was`, if they are written.
    """

    slug: str
    kind: Literal["single", "map"]
    depends_on: tuple[str, ...]
    options: StepOptions
    condition: Condition
    output: PayloadType | None
    description: str | None
    handler: str | None
    may_be_skipped: bool
    span: Span
    was: str | None = None
    isolation: Isolation | None = None
    handler_span: Span | None = None
    was_span: Span | None = None
    signal: Signal | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow, or a job (exactly one single root step). `steps` are in topological order, ties in the order
    written.

    `version` is a word for people and changes nothing. `on_change` says what becomes of a shape that runs
    are alive in.
    """

    slug: str
    kind: Literal["flow", "job"]
    description: str | None
    options: FlowOptions
    types: NamedTypes
    input: PayloadType | None
    steps: tuple[Step, ...]
    source: str
    span: Span
    version: str | None = None
    cron: Cron | None = None
    on_change: OnChange = "version"
    extra: ExtraFields = ExtraFields()
    retention: Retention | None = None

    def step(self, slug: str) -> Step:
        """The step of that slug; KeyError if the flow has none."""
        for step in self.steps:
            if step.slug == slug:
                return step
        raise KeyError(slug)
