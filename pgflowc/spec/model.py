"""The spec language as a pydantic model; editors get their JSON Schema from it, so every field says what it
is for.

Payload types (`types`, `input`, `output`) are admitted here as they were written and read by the graph stage,
which knows how to point into them.
"""

from __future__ import annotations

import keyword
import re
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pgflowc.document.referred import ExtraMode
from pgflowc.spec.cron import Schedule, Timezone
from pgflowc.spec.duration import Delay, Timeout, out_of_range
from pgflowc.spec.slug import Slug
from pgflowc.spec.type_pattern import whole_word
from pgflowc_language.type_names import NAME

MAX_INTEGER = 2_147_483_647
"""The greatest PostgreSQL integer."""

SkipMode = Literal["skip", "skip-cascade", "fail"]
OnChange = Literal["version", "drain", "recreate"]
Isolation = Literal["thread", "process"]
CatchUp = Literal["none", "last", "all"]
Overlap = Literal["allow", "skip"]

_LONGEST_VERSION = 64


def _check_attempts(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= MAX_INTEGER:
        raise out_of_range(value, 0, MAX_INTEGER, "")
    return value


_PYTHON_NAME = whole_word(tuple(keyword.kwlist)) + NAME
IMPORT_PATH = rf"{_PYTHON_NAME}(?:\.{_PYTHON_NAME})*:{_PYTHON_NAME}"
"""The pattern of `module:name` with names that Python takes, the module dotted or not."""


def is_import_path(text: str) -> bool:
    """Whether the text is `module:name`."""
    return re.fullmatch(IMPORT_PATH, text) is not None


def _check_handler(value: str) -> str:
    if not is_import_path(value):
        raise PydanticCustomError("handler", "not a handler reference")
    return value


def _body(value: object) -> object:
    """A step without any option may be written as a key without a value."""
    return {} if value is None else value


def _version(value: object) -> object:
    """A version as text: numbers are as good."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and not (value.isprintable() and 1 <= len(value.strip()) <= _LONGEST_VERSION):
        raise PydanticCustomError("version", "not a version")
    return value


def _version_pattern(longest: int) -> str:
    """One line with something to see; of the characters that do not show, the usual ones."""
    inner = r"[^\u0000-\u001f\u007f-\u00a0\u00ad\u2028\u2029]"
    seen = r"[^ \u0000-\u001f\u007f-\u00a0\u00ad\u2028\u2029]"
    return rf"^ *{seen}(?:{inner}{{0,{longest - 2}}}{seen})? *$"


def _cron_body(value: object) -> object:
    """The short form: the schedule alone."""
    return {"schedule": value} if isinstance(value, str) else value


def _retention_body(value: object) -> object:
    """The short form: one time for both ends."""
    return {"completed": value, "failed": value} if isinstance(value, int | str) else value


def _extra_body(value: object) -> object:
    """The short form: one word for both ways."""
    return {"in": value, "out": value} if isinstance(value, str) else value


_NOTATION: dict[str, Any] = {
    "description": "A payload type: a name such as str or Item, 'T | null', 'map of T', [T] or {field: T}.",
    "anyOf": [{"type": ["string", "object", "null"]}, {"type": "array", "minItems": 1, "maxItems": 1}],
}

Attempts = Annotated[
    int,
    BeforeValidator(_check_attempts),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}),
]
Handler = Annotated[
    str,
    AfterValidator(_check_handler),
    WithJsonSchema({"type": "string", "pattern": f"^{IMPORT_PATH}$"}),
]
Notation = Annotated[Any, WithJsonSchema(_NOTATION)]
Version = Annotated[
    str,
    BeforeValidator(_version),
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": _version_pattern(_LONGEST_VERSION)}]}
    ),
]
Pattern = dict[str, Any]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


class CronModel(_Model):
    """When runs start by themselves."""

    schedule: Schedule = Field(
        description="Five fields (minute, hour, day of the month, month, day of the week) or a name such as "
        "@hourly."
    )
    timezone: Timezone = Field(
        "UTC", description="The time zone of the schedule, such as Europe/Berlin; default UTC."
    )
    input: Any = Field(default_factory=dict, description="The input of each run, any JSON; default {}.")
    catch_up: CatchUp = Field(
        "none",
        description="Which times without a worker start a run later: none (default), last or all.",
    )
    overlap: Overlap = Field(
        "allow",
        description="Whether a run starts while one of the schedule goes on: allow (default) or skip.",
    )


class ExtraFieldsModel(_Model):
    """What happens to fields that a payload type does not name."""

    in_: ExtraMode | None = Field(
        None,
        alias="in",
        description="In payloads that handlers get, and in signals: ignore (default) or forbid.",
    )
    out: ExtraMode | None = Field(
        None, description="In what handlers return: forbid (default, the task fails) or ignore."
    )


class RetentionModel(_Model):
    """How long runs are kept after their end; for ever without a time."""

    completed: Timeout | None = Field(None, description="Seconds after a run has completed.")
    failed: Timeout | None = Field(None, description="Seconds after a run has failed or was cancelled.")

    @model_validator(mode="after")
    def _limits_something(self) -> RetentionModel:
        if self.completed is None and self.failed is None:
            raise PydanticCustomError("empty_retention", "no time is given")
        return self


class SignalModel(_Model):
    """What the tasks of a step wait for."""

    payload: Notation = Field(None, description="The type of what the signal brings; default any.")
    wait_for: Timeout | None = Field(None, description="Seconds for which a task waits; for ever without it.")


class ApprovalModel(SignalModel):
    """The signal that completes a step without a handler."""

    on_timeout: SkipMode | None = Field(
        None,
        description="What happens when no signal came in time: fail (default), skip or skip-cascade.",
    )


class _Options(_Model):
    """What a step of either kind may say about itself."""

    description: str | None = Field(None, description="What the step does; becomes the handler's docstring.")
    handler: Handler | None = Field(
        None, description="An existing function, module:function, instead of a generated handler stub."
    )
    isolation: Isolation | None = Field(
        None,
        description="Where the handler runs: in a thread of the worker, or in a process, which can be "
        "stopped at its timeout; default: an async handler in the worker's event loop, others in a thread.",
    )
    was: Slug | None = Field(
        None, description="The slug that the step had before, so that it is renamed and not replaced."
    )
    output: Notation = Field(
        None, description="The type of what the handler returns (per element for a map step)."
    )
    max_attempts: Attempts | None = Field(
        None, description="How often a task may be tried; default is the flow's."
    )
    base_delay: Delay | None = Field(
        None,
        description="Seconds before the first retry, doubled for each further one; default is the flow's.",
    )
    timeout: Timeout | None = Field(None, description="Seconds a task may take; default is the flow's.")
    start_delay: Delay | None = Field(None, description="Seconds to wait before the step's tasks start.")
    if_: Pattern | None = Field(
        None, alias="if", description="The step runs only if its input contains this JSON (PostgreSQL's @>)."
    )
    if_not: Pattern | None = Field(
        None, description="The step runs only if its input does not contain this JSON (PostgreSQL's @>)."
    )
    when_unmet: SkipMode | None = Field(
        None, description="What happens when the condition is not met: skip (default), skip-cascade or fail."
    )
    when_exhausted: SkipMode | None = Field(
        None, description="What happens when all attempts failed: fail (default), skip or skip-cascade."
    )
    signal: Annotated[SignalModel | None, BeforeValidator(_body)] = Field(
        None, description="The signal that the handler waits for: the type of its payload, and how long."
    )


class StepModel(_Options):
    """A step of a flow."""

    depends_on: list[str] | None = Field(None, description="The steps whose outputs this step needs.")
    map: str | None = Field(
        None,
        description="One task per element of that step's output; $input for the elements of the run's input.",
    )
    approval: Annotated[ApprovalModel | None, BeforeValidator(_body)] = Field(
        None,
        description="The step has no handler: a signal completes it, and its payload is the step's output.",
    )


class PerformModel(_Options):
    """The one step of a job."""

    step: Slug | None = Field(None, description="The step's slug; default is the job's.")


class _Definition(_Model):
    """What flows and jobs have in common."""

    description: str | None = Field(None, description="What it is for.")
    max_attempts: Attempts | None = Field(None, description="How often each task may be tried; default 1.")
    base_delay: Delay | None = Field(
        None, description="Seconds before the first retry, doubled for each further one; default 1."
    )
    timeout: Timeout | None = Field(None, description="Seconds a task may take; default 30.")
    version: Version | None = Field(
        None, description="A version for people: it stands in the generated module and changes nothing else."
    )
    on_change: OnChange | None = Field(
        None,
        description="What happens when the shape changes while runs are alive: version (default, old runs "
        "end as they began), drain (wait until there are none) or recreate (delete them).",
    )
    extra_fields: Annotated[ExtraFieldsModel, BeforeValidator(_extra_body)] | None = Field(
        None, description="What happens to fields that a payload type does not name."
    )
    cron: Annotated[CronModel, BeforeValidator(_cron_body)] | None = Field(
        None, description="When runs start by themselves: a schedule, or a mapping that has one."
    )
    retention: Annotated[RetentionModel, BeforeValidator(_retention_body)] | None = Field(
        None,
        description="How long runs are kept after their end; workers delete older ones. Default: for ever.",
    )
    types: dict[str, Notation] | None = Field(None, description="Named payload types.")
    input: Notation = Field(None, description="The type of a run's input.")


class FlowModel(_Definition):
    """A flow: steps and what they wait for."""

    flow: Slug = Field(description="The flow's slug, also the name of its queue.")
    steps: dict[Slug, Annotated[StepModel, BeforeValidator(_body)]] = Field(
        description="The steps by slug, in any order.", min_length=1
    )


class JobModel(_Definition):
    """A job: a flow of one step."""

    job: Slug = Field(description="The job's slug, also the name of its queue.")
    perform: Annotated[PerformModel, BeforeValidator(_body)] = Field(description="The job's only step.")


STEP_ORDER = (
    *("was", "description", "depends_on", "map", "if", "if_not", "when_unmet", "when_exhausted"),
    *("max_attempts", "base_delay", "timeout", "start_delay", "handler", "isolation", "signal", "approval"),
    "output",
)
PERFORM_ORDER = ("step", *(key for key in STEP_ORDER if key not in ("depends_on", "map", "approval")))
SIGNAL_ORDER = ("payload", "wait_for", "on_timeout")
ROOT_ORDER = (
    *("flow", "job", "description", "version", "max_attempts", "base_delay", "timeout", "on_change"),
    *("extra_fields", "cron", "retention", "types", "input", "steps", "perform"),
)
"""The order in which the documentation has the keys, and `pgflowc fmt` puts them."""


@cache
def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys a user may write in a mapping that `model` describes, its own before those it shares."""
    own = [name for name in model.model_fields if name in model.__annotations__]
    names = [*own, *(name for name in model.model_fields if name not in own)]
    return tuple(model.model_fields[name].alias or name for name in names)


KNOWN_KEYS = frozenset(
    key
    for model in (
        *(FlowModel, JobModel, StepModel, PerformModel),
        *(CronModel, RetentionModel, ExtraFieldsModel, SignalModel, ApprovalModel),
    )
    for key in keys_of(model)
)
"""Every key of every kind of mapping, payload types and conditions aside."""
