"""Turns what a caller gives as a run's input into the JSON text to store, checked against the flow's type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from pgflowc_runtime.errors import InvalidInput
from pgflowc_runtime.flow import Flow
from pgflowc_runtime.payload import forbidden, type_adapter

FlowOrSlug = Flow[Any] | str

# Behind an even number of backslashes, or it is those six characters themselves.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

NO_INPUT: Any = MappingProxyType({})
"""Stands for an input that was not given: an empty object."""


def slug_of(flow: FlowOrSlug) -> str:
    """What a flow is called that is given as one or the other; InvalidInput if it is neither."""
    if isinstance(flow, str):
        return plain_text(flow, "the slug of a flow")
    given: Any = flow
    if not isinstance(given, Flow):
        raise InvalidInput(
            f"a flow is named by its slug or its generated object, not by a {type(flow).__name__}"
        )
    return given.called


def encode(flow: FlowOrSlug, value: Any) -> str:
    """The JSON text of `value`, a model or plain data.

    With a Flow, `value` must fit its input type; a model's own defaults are then stored with it, plain data
    is stored as it was given. With a slug, only the database judges. Raises InvalidInput.
    """
    what = f"input of flow '{slug_of(flow)}'"
    if value is NO_INPUT:
        value = {}
    if isinstance(flow, str):
        return json_text(value, what)
    try:
        adapter = _adapter(flow.input)
        valid = adapter.validate_python(value, extra=forbidden(flow.extra_in))
        if isinstance(value, BaseModel):
            value = adapter.dump_python(valid, mode="json", by_alias=True, warnings="error")
    except ValidationError as error:
        raise InvalidInput(f"{what}: {problems(error)}") from None
    except (PydanticSerializationError, RecursionError) as error:
        raise InvalidInput(f"{what} is not JSON: {error}") from None
    return json_text(value, what)


def encode_each(flow: FlowOrSlug, values: Iterable[Any]) -> list[str]:
    """`encode` each value; raises InvalidInput that says which one is wrong."""
    given: Any = values
    if isinstance(given, Mapping | str | bytes | BaseModel) or not isinstance(given, Iterable):
        raise InvalidInput(f"inputs are a list with an input for each run, not one {type(values).__name__}")
    texts = []
    for number, value in enumerate(values):
        try:
            texts.append(encode(flow, value))
        except InvalidInput as error:
            raise InvalidInput(f"inputs[{number}]: {error}") from None
    return texts


def plain_text(value: str, what: str) -> str:
    """The text itself; raises InvalidInput that begins with `what` if it is none that can be stored."""
    given: Any = value
    if not isinstance(given, str):
        raise InvalidInput(f"{what} is a text, not a {type(given).__name__}")
    try:
        given.encode()  # a lone surrogate is a str, but no text
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{what} is no text: {error}") from None
    return given


def json_text(value: Any, what: str) -> str:
    """The JSON text of a value; raises InvalidInput that begins with `what`."""
    try:
        text = json.dumps(to_jsonable_python(value, by_alias=True), ensure_ascii=False, allow_nan=False)
        text.encode()  # a lone surrogate is a str, but no text
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"{what} is not JSON: {error}") from None
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidInput(f"{what} has a NUL character in it, which PostgreSQL does not store")
    return text


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _kept_adapter(annotation)
    except TypeError:  # not hashable
        return type_adapter(annotation)


@lru_cache(maxsize=256)
def _kept_adapter(annotation: Any) -> TypeAdapter[Any]:
    """Making an adapter takes longer than starting a run."""
    return type_adapter(annotation)


def problems(error: ValidationError) -> str:
    """Each problem with its place, in one line."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        # A key may be any text.
        place = ".".join(repr(str(part))[1:-1] for part in problem["loc"])
        lines.append(f"{place}: {problem['msg']}" if place else problem["msg"])
    return "; ".join(lines)
