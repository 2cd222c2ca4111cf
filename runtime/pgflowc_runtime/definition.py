"""Flows defined at run time, from data of the same shape as a spec.

    {"flow": "sync_acme", "max_attempts": 3, "steps": {
        "fetch": {"timeout": 60},
        "store": {"map": "fetch", "if": {"fetch": []}, "when_exhausted": "skip"},
        "report": {"depends_on": ["store"]},
    }}

A job has `job` and `perform` in place of `flow` and `steps`. What only the compiler needs, types, handlers
and schedules, has no place here. Durations are seconds, or texts such as `90s` and `5m`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from pgflowc_runtime.definition_faults import (
    ROOT,
    Fault,
    faults_of_delays,
    faults_of_structure,
    faults_of_values,
)
from pgflowc_runtime.errors import InvalidDefinition
from pgflowc_runtime.rows import Unmet

_SLUG = re.compile(r"(?!run\Z)[a-zA-Z_][a-zA-Z0-9_]{0,127}")
# What pgmq allows for the name of a queue.
_LONGEST_FLOW_SLUG = 47
_MOST = 2**31 - 1
# As specs have it: the claim adds two seconds to a timeout.
_MOST_SECONDS = 2_147_483_000
_DURATION = re.compile(r"([0-9]{1,10})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise PydanticCustomError(
            "slug",
            "a slug is letters, digits and underscores (128 at most), begins with no digit and is not 'run'",
        )
    return text


def _flow_slug(text: str) -> str:
    if len(text) > _LONGEST_FLOW_SLUG:
        raise PydanticCustomError("queue_name", "the name of a queue has 47 characters at most")
    return text


def _duration(value: object) -> object:
    """A text with a unit as seconds."""
    if not isinstance(value, str):
        return value
    written = _DURATION.fullmatch(value)
    if written is None:
        raise PydanticCustomError("duration", "expected a duration")
    return int(written[1]) * _SECONDS[written[2]]


Slug = Annotated[str, AfterValidator(_slug)]
FlowSlug = Annotated[Slug, AfterValidator(_flow_slug)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Delay = Annotated[int, Field(ge=0, le=_MOST_SECONDS), BeforeValidator(_duration)]
Timeout = Annotated[int, Field(ge=1, le=_MOST_SECONDS), BeforeValidator(_duration)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


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
            "dependencies": sorted(set(self.dependencies())),
            "whenUnmet": self.when_unmet,
            "whenExhausted": self.when_exhausted,
            "requiredInputPattern": _pattern(self.if_),
            "forbiddenInputPattern": _pattern(self.if_not),
            "options": {name: value for name, value in options.items() if value is not None},
        }


class Perform(Body):
    """The step of a job; `step` is its slug, None: the job's."""

    step: Slug | None = None


class StepBody(Body):
    """A step of a flow: `depends_on`, or `map` with the one step, or `$input`, whose elements it takes."""

    depends_on: list[Slug] = []
    map: str | None = None

    def dependencies(self) -> list[str]:
        if self.map is None:
            return self.depends_on
        return [] if self.map == ROOT else [self.map]

    @property
    def kind(self) -> Literal["single", "map"]:
        return "single" if self.map is None else "map"


class Definition(_Model):
    """A flow or job. `max_attempts` is a count, `base_delay` and `timeout` are seconds."""

    flow: FlowSlug | None = None
    job: FlowSlug | None = None
    max_attempts: Count = 1
    base_delay: Delay = 1
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

    @property
    def bodies(self) -> Mapping[str, Body]:
        """The steps by slug, the only one of a job as well."""
        if self.perform is not None:
            return {self.perform.step or self.slug: self.perform}
        return self.steps

    def retries(self) -> Iterator[tuple[tuple[str, ...], int, int]]:
        """Where attempts and delays are, how many, and the first delay."""
        yield (), self.max_attempts, self.base_delay
        bodies: dict[tuple[str, ...], Body] = {("steps", slug): body for slug, body in self.steps.items()}
        if self.perform is not None:
            bodies["perform",] = self.perform
        for path, body in bodies.items():
            attempts = self.max_attempts if body.max_attempts is None else body.max_attempts
            delay = self.base_delay if body.base_delay is None else body.base_delay
            yield path, attempts, delay

    def shape(self) -> dict[str, Any]:
        """What `pgflow.ensure_flow_compiled` takes: the steps in topological order."""
        bodies = self.bodies
        return {
            "options": {
                "maxAttempts": self.max_attempts,
                "baseDelay": self.base_delay,
                "timeout": self.timeout,
            },
            "steps": [bodies[slug].shape(slug) for slug in _in_order(bodies)],
        }


def parse_definition(data: Definition | Mapping[str, Any]) -> Definition:
    """The definition that the data describe; raises InvalidDefinition with every fault found."""
    given: Any = data
    if isinstance(given, Definition):
        given = given.model_dump(by_alias=True, exclude_defaults=True)
    found: list[Fault] = []
    parsed: Definition | None = None
    try:
        parsed = Definition.model_validate(given)
    except ValidationError as error:
        found += faults_of_values(error, given)
    if isinstance(given, Mapping):
        found += faults_of_structure(given)
    if parsed is not None:
        found += faults_of_delays(parsed.retries())
    if found or parsed is None:
        raise invalid_definition(given, found)
    return parsed


def definition_of(
    slug: str, options: Mapping[str, Any], steps: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The definition of a flow from its parts; steps in a list name themselves, by `slug`.

    Raises InvalidDefinition for what a definition could not hold: a slug twice, or parts among the options.
    """
    given: Any = options
    if not isinstance(given, Mapping):
        raise invalid_definition({"flow": slug}, [Fault("PGF101", "options are a mapping")])
    found = [
        Fault("PGF103", f"'{key}' is no option: it is given beside them", (key,))
        for key in ("flow", "steps")
        if key in options
    ]
    named: Any = steps
    if isinstance(steps, list | tuple) and all(isinstance(step, Mapping) for step in steps):
        named = {}
        for step in steps:
            slug_of_step = str(step.get("slug", ""))
            if slug_of_step in named:
                found.append(Fault("PGF003", f"step '{slug_of_step}' occurs twice", ("steps", slug_of_step)))
            named[slug_of_step] = {key: value for key, value in step.items() if key != "slug"}
    definition = {**options, "flow": slug, "steps": named}
    if found:
        raise invalid_definition(definition, found)
    return definition


def invalid_definition(data: Any, faults: Sequence[Fault]) -> InvalidDefinition:
    """The exception that carries these faults."""
    named = (data.get("flow") or data.get("job")) if isinstance(data, Mapping) else None
    name = f" of '{named}'" if isinstance(named, str) else ""
    helps = [fault.help for fault in faults if fault.help]
    return InvalidDefinition(
        f"definition{name}: {'; '.join(map(str, faults))}",
        help=helps[0] if helps else "",
        diagnostics=faults,
    )


def _in_order(bodies: Mapping[str, Body]) -> list[str]:
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
