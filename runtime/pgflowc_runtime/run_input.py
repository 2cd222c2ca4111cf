"""Turns what a caller gives as a run's input into the JSON text to store, checked against the flow's type."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from pgflowc_runtime.errors import InvalidInput
from pgflowc_runtime.flow import Flow

FlowOrSlug = Flow[Any] | str


def slug_of(flow: FlowOrSlug) -> str:
    """The slug of a flow that is given as one or the other."""
    return flow if isinstance(flow, str) else flow.slug


def encode(flow: FlowOrSlug, value: Any) -> str:
    """The JSON text of `value`, a model or plain data.

    With a Flow, `value` must fit its input type; a model's own defaults are then stored with it, plain data
    is stored as it was given. With a slug, only the database judges. Raises InvalidInput.
    """
    try:
        if not isinstance(flow, str):
            adapter: TypeAdapter[Any] = TypeAdapter(flow.input)
            valid = adapter.validate_python(value)
            if isinstance(value, BaseModel):
                value = adapter.dump_python(valid, mode="json", by_alias=True, warnings="error")
        text = json.dumps(to_jsonable_python(value, by_alias=True), ensure_ascii=False, allow_nan=False)
        text.encode()  # a lone surrogate is a str, but no text
        return text
    except ValidationError as error:
        raise InvalidInput(f"input of flow '{slug_of(flow)}': {problems(error)}") from None
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"input of flow '{slug_of(flow)}' is not JSON: {error}") from None


def problems(error: ValidationError) -> str:
    """Each problem with its place, in one line."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in problem["loc"])
        lines.append(f"{place}: {problem['msg']}" if place else problem["msg"])
    return "; ".join(lines)
