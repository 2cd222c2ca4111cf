"""What migrations establish of a flow: everything but payload types and handlers."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, Literal

from pgflowc.document.referred import CronTarget
from pgflowc.graph.model import CatchUp, Flow, FlowOptions, Overlap, Retention, SkipMode, Step
from pgflowc_language.payload_schema import payload_schema, schema_text


@dataclass(frozen=True, slots=True)
class SignalShape:
    """What the tasks of a step wait for: `payload` is the canonical JSON text of the payload's JSON Schema,
    `wait_for` seconds, None for ever. Of an `approval` the signal is all that completes it.
    """

    payload: str
    wait_for: int | None = None
    approval: bool = False


@dataclass(frozen=True, slots=True)
class StepShape:
    """A step as stored. The order of `depends_on` is the spec's, for those who read migrations: the database
    keeps a set, so another order is no change. None takes the flow's option.

    `required` and `forbidden` are canonical JSON texts. Delays and `timeout` in seconds.
    """

    slug: str
    kind: Literal["single", "map"]
    depends_on: tuple[str, ...]
    max_attempts: int | None = None
    base_delay: int | None = None
    timeout: int | None = None
    start_delay: int | None = None
    required: str | None = None
    forbidden: str | None = None
    when_unmet: SkipMode = "skip"
    when_exhausted: SkipMode = "fail"
    signal: SignalShape | None = None

    @property
    def is_approval(self) -> bool:
        """Whether it has no handler, since a signal completes it."""
        return self.signal is not None and self.signal.approval


@dataclass(frozen=True, slots=True)
class CronShape:
    """A schedule as stored: an IANA `timezone`, and the canonical JSON text of each run's `input`.

    `keeper` is who starts the runs: `pg_cron` stores the schedule as well, all others are in our own table.
    """

    schedule: str
    timezone: str
    input: str
    keeper: CronTarget = "auto"
    catch_up: CatchUp = "none"
    overlap: Overlap = "allow"

    @property
    def is_job(self) -> bool:
        """Whether it is nothing but a job of pg_cron."""
        return self.keeper == "pg_cron"


@dataclass(frozen=True, slots=True)
class FlowShape:
    """A flow as stored; `steps` in the order of addition."""

    kind: Literal["flow", "job"]
    options: FlowOptions
    steps: tuple[StepShape, ...]
    cron: CronShape | None = None
    retention: Retention | None = None


def shape_of(flow: Flow, keeper: CronTarget = "auto") -> FlowShape:
    """What a migration that creates `flow` establishes, its schedule with that keeper."""
    steps = tuple(_step_shape(flow, step) for step in flow.steps)
    return FlowShape(flow.kind, flow.options, steps, _cron_shape(flow, keeper), flow.retention)


def _cron_shape(flow: Flow, keeper: CronTarget) -> CronShape | None:
    cron = flow.cron
    if cron is None:
        return None
    return CronShape(cron.schedule, cron.timezone, cron.input, keeper, cron.catch_up, cron.overlap)


def definition_hash(slug: str, shape: FlowShape) -> str:
    """16 hex digits that name a definition; the order in which steps and dependencies are written plays no
    part, nor do schedule, retention and signals.
    """
    steps = [
        {**_plain(step), "depends_on": sorted(step.depends_on)}
        for step in sorted(shape.steps, key=lambda step: step.slug)
    ]
    definition = {"slug": slug, "kind": shape.kind, "options": _plain(shape.options), "steps": steps}
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()[:16]


def _plain(value: StepShape | FlowOptions) -> dict[str, Any]:
    # Nothing in them needs the deep copies of dataclasses.asdict, which take longer than all the rest.
    return {field.name: getattr(value, field.name) for field in fields(value) if field.name != "signal"}


def _signal_shape(flow: Flow, step: Step) -> SignalShape | None:
    signal = step.signal
    if signal is None:
        return None
    payload = payload_schema(signal.payload, flow.types, closed=flow.extra.incoming == "forbid")
    return SignalShape(schema_text(payload), signal.wait_for, signal.approval)


def _step_shape(flow: Flow, step: Step) -> StepShape:
    return StepShape(
        slug=step.slug,
        kind=step.kind,
        depends_on=step.depends_on,
        max_attempts=step.options.max_attempts,
        base_delay=step.options.base_delay,
        timeout=step.options.timeout,
        start_delay=step.options.start_delay,
        required=step.condition.required,
        forbidden=step.condition.forbidden,
        when_unmet=step.condition.when_unmet,
        when_exhausted=step.condition.when_exhausted,
        signal=_signal_shape(flow, step),
    )
