"""Flows defined at run time, from data of the same shape as a spec.

    {"flow": "sync_acme", "max_attempts": 3, "steps": {
        "fetch": {"timeout": 60},
        "store": {"map": "fetch", "if": {"fetch": []}, "when_exhausted": "skip"},
        "report": {"depends_on": ["store"]},
    }}

A job has `job` and `perform` in place of `flow` and `steps`. What only the compiler needs, types, handlers
and schedules, has no place here. Durations are seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from pgflowc_runtime.errors import InvalidDefinition
from pgflowc_runtime.rows import Unmet
from pgflowc_runtime.run_input import problems

_SLUG = re.compile(r"(?!run\Z)[a-zA-Z_][a-zA-Z0-9_]{0,127}")
# What pgmq allows for the name of a queue.
_LONGEST_FLOW_SLUG = 47
_MOST = 2**31 - 1
# The claim adds two seconds to a timeout.
_LONGEST_TIMEOUT = _MOST - 2
ROOT = "$input"


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise PydanticCustomError(
            "slug",
            "a slug is letters, digits and underscores (128 at most), begins with no digit and is not 'run'",
        )
    return text


def _flow_slug(text: str) -> str:
    if len(text) > _LONGEST_FLOW_SLUG:
        raise PydanticCustomError("slug", "the name of a queue has 47 characters at most")
    return text


Slug = Annotated[str, AfterValidator(_slug)]
FlowSlug = Annotated[Slug, AfterValidator(_flow_slug)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Timeout = Annotated[int, Field(gt=0, le=_LONGEST_TIMEOUT)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Perform(_Model):
    """The step of a job. Options that are None are the flow's; `start_delay` and the others are seconds."""

    step: Slug | None = None
    max_attempts: Count | None = None
    base_delay: Count | None = None
    timeout: Timeout | None = None
    start_delay: Count | None = None
    if_: dict[str, Any] | None = Field(None, alias="if")
    if_not: dict[str, Any] | None = None
    when_unmet: Unmet = "skip"
    when_exhausted: Unmet = "fail"

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
        return {
            "slug": slug,
            "stepType": self.kind,
            "dependencies": sorted(self.dependencies()),
            "whenUnmet": self.when_unmet,
            "whenExhausted": self.when_exhausted,
            "requiredInputPattern": _pattern(self.if_),
            "forbiddenInputPattern": _pattern(self.if_not),
            "options": {name: value for name, value in options.items() if value is not None},
        }


class StepBody(Perform):
    """A step of a flow: `depends_on`, or `map` with the one step, or `$input`, whose elements it takes."""

    step: None = Field(None, exclude=True)
    depends_on: list[Slug] = []
    map: str | None = None

    def dependencies(self) -> list[str]:
        if self.map is None:
            return self.depends_on
        return [] if self.map == ROOT else [self.map]

    @property
    def kind(self) -> Literal["single", "map"]:
        return "single" if self.map is None else "map"

    @model_validator(mode="after")
    def _one_source(self) -> StepBody:
        if self.map is not None and self.depends_on:
            raise PydanticCustomError("map", "a map step has no depends_on: 'map' names its only source")
        if len(set(self.depends_on)) != len(self.depends_on):
            raise PydanticCustomError("depends_on", "depends_on names a step twice")
        return self


class Definition(_Model):
    """A flow or job. `max_attempts` is a count, `base_delay` and `timeout` are seconds."""

    flow: FlowSlug | None = None
    job: FlowSlug | None = None
    max_attempts: Count = 1
    base_delay: Count = 1
    timeout: Timeout = 30
    steps: dict[Slug, StepBody] = {}
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

    def shape(self) -> dict[str, Any]:
        """What `pgflow.ensure_flow_compiled` takes: the steps in topological order."""
        bodies: Mapping[str, Perform] = self.steps
        if self.perform is not None:
            bodies = {self.perform.step or self.slug: self.perform}
        return {
            "options": {
                "maxAttempts": self.max_attempts,
                "baseDelay": self.base_delay,
                "timeout": self.timeout,
            },
            "steps": [bodies[slug].shape(slug) for slug in _in_order(bodies)],
        }

    @model_validator(mode="after")
    def _whole(self) -> Definition:
        faults = list(self._faults())
        if faults:
            raise PydanticCustomError("definition", "{faults}", {"faults": "; ".join(faults)})
        return self

    def _faults(self) -> Iterator[str]:
        if (self.flow is None) == (self.job is None):
            yield "exactly one of 'flow' and 'job' names it"
        elif self.job is not None and (self.perform is None or self.steps):
            yield "a job has 'perform', not 'steps'"
        elif self.job is None and self.perform is not None:
            yield "a flow has 'steps', not 'perform'"
        elif self.job is None and not self.steps:
            yield "a flow has at least one step"
        unknown = False
        for slug, body in self.steps.items():
            for dependency in body.dependencies():
                if dependency not in self.steps:
                    unknown = True
                    yield f"steps.{slug}: there is no step '{dependency}'"
        if not unknown and len(placed := _in_order(self.steps)) < len(self.steps):
            left = ", ".join(f"'{slug}'" for slug in self.steps if slug not in placed)
            yield f"the dependencies of {left} go round in a circle"


def parse_definition(data: Definition | Mapping[str, Any]) -> Definition:
    """The definition that the data describe; raises InvalidDefinition with every fault found."""
    given: Any = data
    if isinstance(given, Definition):
        return given
    try:
        return Definition.model_validate(given)
    except ValidationError as error:
        named = given.get("flow") or given.get("job") if isinstance(given, dict) else None
        name = f" of '{named}'" if isinstance(named, str) else ""
        raise InvalidDefinition(f"definition{name}: {problems(error)}") from None


def _in_order(bodies: Mapping[str, Perform]) -> list[str]:
    """The steps with every dependency before its dependents, else as given; without those on a circle."""
    placed: dict[str, None] = {}
    waiting = dict(bodies)
    while True:
        ready = [slug for slug, body in waiting.items() if all(dep in placed for dep in body.dependencies())]
        if not ready:
            return list(placed)
        for slug in ready:
            placed[slug] = None
            del waiting[slug]


def _pattern(value: dict[str, Any] | None) -> dict[str, Any]:
    return {"defined": False} if value is None else {"defined": True, "value": value}
