"""The shape of definitions, as a pydantic model, and what the core and our tables keep of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from pgflowc_runtime.definitions.fault import Path
from pgflowc_runtime.definitions.structure import ROOT
from pgflowc_runtime.definitions.types import Types
from pgflowc_runtime.definitions.values import Count, Delay, FlowSlug, Schedule, Slug, Timeout, Timezone
from pgflowc_runtime.rows import CatchUp, Overlap, SignalDeclaration, Unmet

ExtraMode = Literal["ignore", "forbid"]


def _cron(value: object) -> object:
    """The short form: the schedule alone."""
    return {"schedule": value} if isinstance(value, str) else value


def _retention(value: object) -> object:
    """The short form: one time for both ends."""
    return {"completed": value, "failed": value} if isinstance(value, int | str) else value


def _extra(value: object) -> object:
    """The short form: one word for both ways, of which only one exists here."""
    return {"in": value} if isinstance(value, str) else value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Cron(_Model):
    """When runs start by themselves; `input` is theirs."""

    schedule: Schedule
    timezone: Timezone = "UTC"
    input: Any = Field(default_factory=dict)
    catch_up: CatchUp = "none"
    overlap: Overlap = "allow"


class Retention(_Model):
    """Seconds for which ended runs are kept; None: for ever."""

    completed: Timeout | None = None
    failed: Timeout | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Retention:
        if self.completed is None and self.failed is None:
            raise PydanticCustomError("empty_retention", "no time is given")
        return self


class ExtraFields(_Model):
    """What becomes of fields that the types of signals do not name."""

    in_: ExtraMode = Field("ignore", alias="in")


class Signal(_Model):
    """What the tasks of a step wait for; `payload` is a type as it is written, `wait_for` seconds."""

    payload: Any = "any"
    wait_for: Timeout | None = None


class Approval(Signal):
    """The signal that completes a step without a handler."""

    on_timeout: Unmet = "fail"


class Body(_Model):
    """What a step may say of itself. Options that are None are the flow's; those of time are seconds."""

    max_attempts: Count | None = None
    base_delay: Delay | None = None
    timeout: Timeout | None = None
    start_delay: Delay | None = None
    if_: dict[str, Any] | None = Field(None, alias="if")
    if_not: dict[str, Any] | None = None
    when_unmet: Unmet = "skip"
    when_exhausted: Unmet = "fail"
    signal: Signal | None = None

    @property
    def awaited(self) -> Signal | None:
        """The signal that its tasks wait for, as an approval or in a handler."""
        return self.signal

    def dependencies(self) -> list[str]:
        """The steps it waits for."""
        return []

    @property
    def kind(self) -> Literal["single", "map"]:
        """What `pgflow.steps` calls its type."""
        return "single"

    def shape(self, slug: str) -> dict[str, Any]:
        """The step as `ensure_flow_compiled` takes it."""
        options = {
            "maxAttempts": self.max_attempts,
            "baseDelay": self.base_delay,
            "timeout": self.timeout,
            "startDelay": self.start_delay,
        }
        awaited = self.awaited
        return {
            "slug": slug,
            "stepType": self.kind,
            "dependencies": sorted(set(self.dependencies())),
            "whenUnmet": self.when_unmet,
            "whenExhausted": awaited.on_timeout if isinstance(awaited, Approval) else self.when_exhausted,
            "requiredInputPattern": _pattern(self.if_),
            "forbiddenInputPattern": _pattern(self.if_not),
            "options": {name: value for name, value in options.items() if value is not None},
        }


class Perform(Body):
    """The step of a job; `step` is its slug, None: the job's."""

    step: Slug | None = None


class StepBody(Body):
    """A step of a flow: `depends_on`, or `map` with the one step, or `$input`, whose elements it takes."""

    depends_on: list[str] = Field(default_factory=list)
    map: str | None = None
    approval: Approval | None = None

    @property
    def awaited(self) -> Signal | None:
        return self.approval or self.signal

    def dependencies(self) -> list[str]:
        if self.map is None:
            return self.depends_on
        return [] if self.map == ROOT else [self.map]

    @property
    def kind(self) -> Literal["single", "map"]:
        return "single" if self.map is None else "map"


class Definition(_Model):
    """A flow or job. `max_attempts` is a count, `base_delay` and `timeout` are seconds.

    The types of signals are as they were written; `parse_definition` has judged them.
    """

    flow: FlowSlug | None = None
    job: FlowSlug | None = None
    max_attempts: Count = 1
    base_delay: Delay = 1
    timeout: Timeout = 30
    extra_fields: Annotated[ExtraFields, BeforeValidator(_extra)] | None = None
    cron: Annotated[Cron, BeforeValidator(_cron)] | None = None
    retention: Annotated[Retention, BeforeValidator(_retention)] | None = None
    types: dict[str, Any] = Field(default_factory=dict)
    steps: dict[Slug, StepBody] = Field(default_factory=dict)
    perform: Perform | None = None

    @property
    def slug(self) -> str:
        """The flow's or job's."""
        slug = self.flow or self.job
        assert slug is not None, "one of the two is required"
        return slug

    @property
    def kind(self) -> Literal["flow", "job"]:
        """Which of the two it is."""
        return "job" if self.flow is None else "flow"

    @property
    def bodies(self) -> Mapping[str, Body]:
        """The steps by slug, the only one of a job as well."""
        if self.perform is not None:
            return {self.perform.step or self.slug: self.perform}
        return self.steps

    def retries(self) -> tuple[tuple[int, int], dict[Path, tuple[int, int]]]:
        """How many attempts and which first delay the flow has, and each step by its path."""
        return (self.max_attempts, self.base_delay), {
            path: (
                self.max_attempts if body.max_attempts is None else body.max_attempts,
                self.base_delay if body.base_delay is None else body.base_delay,
            )
            for path, body in self.paths().items()
        }

    def paths(self) -> dict[Path, Body]:
        """Where each step stands."""
        bodies: dict[Path, Body] = {("steps", slug): body for slug, body in self.steps.items()}
        if self.perform is not None:
            bodies["perform",] = self.perform
        return bodies

    def shape(self, order: Iterable[str] = ()) -> dict[str, Any]:
        """What `pgflow.ensure_flow_compiled` takes: the steps in topological order, or in the one given if
        that has all of them.
        """
        bodies, stored = self.bodies, list(order)
        slugs = stored if set(stored) == bodies.keys() else _in_order(bodies)
        return {
            "options": {
                "maxAttempts": self.max_attempts,
                "baseDelay": self.base_delay,
                "timeout": self.timeout,
            },
            "steps": [bodies[slug].shape(slug) for slug in slugs],
        }

    @property
    def signals(self) -> tuple[SignalDeclaration, ...]:
        """What the steps declare, in the form that the database keeps."""
        places = dict(zip(self.bodies, self.paths(), strict=True))
        found: list[tuple[str, Path, Signal]] = []
        for slug, body in self.bodies.items():
            awaited = body.awaited
            if awaited is not None:
                key = "approval" if isinstance(awaited, Approval) else "signal"
                found.append((slug, (*places[slug], key, "payload"), awaited))
        types = Types(self.types, {at: awaited.payload for _, at, awaited in found})
        closed = self.extra_fields is not None and self.extra_fields.in_ == "forbid"
        return tuple(
            SignalDeclaration(
                step_slug=slug,
                payload_schema=types.schema(at, closed=closed),
                wait_for=awaited.wait_for,
                is_approval=isinstance(awaited, Approval),
            )
            for slug, at, awaited in found
        )


def payloads(steps: Mapping[str, Any], perform: Any) -> Iterator[tuple[Path, Any]]:
    """Where the payloads of signals stand in data, and how they are written."""
    bodies: list[tuple[Path, Any]] = [(("steps", slug), body) for slug, body in steps.items()]
    for path, body in [*bodies, (("perform",), perform)]:
        for key in ("signal", "approval"):
            signal = body.get(key) if isinstance(body, Mapping) else None
            if isinstance(signal, Mapping) and "payload" in signal:
                yield (*path, key, "payload"), signal["payload"]


def _in_order(bodies: Mapping[str, Body]) -> list[str]:
    """The steps with every dependency before its dependents, else as given: the order of migrations."""
    slugs = list(bodies)
    place = {slug: number for number, slug in enumerate(slugs)}
    waits = {slug: set(body.dependencies()) for slug, body in bodies.items()}
    after: dict[str, list[str]] = {slug: [] for slug in slugs}
    for slug, sources in waits.items():
        for source in sources:
            after[source].append(slug)
    ready = [place[slug] for slug in slugs if not waits[slug]]
    ordered: list[str] = []
    while ready:
        slug = slugs[heappop(ready)]
        ordered.append(slug)
        for dependent in after[slug]:
            waits[dependent].discard(slug)
            if not waits[dependent]:
                heappush(ready, place[dependent])
    return ordered


def _pattern(value: dict[str, Any] | None) -> dict[str, Any]:
    return {"defined": False} if value is None else {"defined": True, "value": value}
