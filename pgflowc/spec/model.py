"""The spec language as a pydantic model; editors get their JSON Schema from it, so every field says what it
is for.

Payload types (`types`, `input`, `output`) are admitted here as they were written and read by the graph stage,
which knows how to point into them.
"""

from __future__ import annotations

import keyword
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from pgflowc.spec.duration import Delay, Timeout, out_of_range
from pgflowc.spec.slug import Slug

MAX_INTEGER = 2_147_483_647
"""The greatest PostgreSQL integer."""

SkipMode = Literal["skip", "skip-cascade", "fail"]


def _check_attempts(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= MAX_INTEGER:
        raise out_of_range(value, 0, MAX_INTEGER, "")
    return value


def _check_handler(value: str) -> str:
    module, _, function = value.partition(":")
    names = [*module.split("."), function]
    if not all(
        re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and not keyword.iskeyword(name) for name in names
    ):
        raise PydanticCustomError("handler", "not a handler reference")
    return value


def _body(value: object) -> object:
    """A step without any option may be written as a key without a value."""
    return {} if value is None else value


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
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"}),
]
Notation = Annotated[Any, WithJsonSchema(_NOTATION)]
Pattern = dict[str, Any]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


class _Options(_Model):
    """What a step of either kind may say about itself."""

    description: str | None = Field(None, description="What the step does; becomes the handler's docstring.")
    handler: Handler | None = Field(
        None, description="An existing function, module:function, instead of a generated handler stub."
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


class StepModel(_Options):
    """A step of a flow."""

    depends_on: list[str] | None = Field(None, description="The steps whose outputs this step needs.")
    map: str | None = Field(
        None,
        description="One task per element of that step's output; $input for the elements of the run's input.",
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


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys a user may write in a mapping that `model` describes, its own before those it shares."""
    own = [name for name in model.model_fields if name in model.__annotations__]
    names = [*own, *(name for name in model.model_fields if name not in own)]
    return tuple(model.model_fields[name].alias or name for name in names)


KNOWN_KEYS = frozenset(
    key for model in (FlowModel, JobModel, StepModel, PerformModel) for key in keys_of(model)
)
"""Every key of every kind of mapping, payload types and conditions aside."""
