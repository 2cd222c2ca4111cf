"""Slugs as values of specs, and their JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from pgflowc_language.slugs import MAX_LENGTH, PATTERN, RESERVED, broken_rule


def _check(slug: str) -> str:
    rule = broken_rule(slug)
    if rule is not None:
        raise PydanticCustomError("slug", "{rule}", {"rule": rule})
    return slug


SLUG_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": f"^{PATTERN}$",
    "minLength": 1,
    "maxLength": MAX_LENGTH,
    "not": {"enum": sorted(RESERVED)},
}
Slug = Annotated[str, AfterValidator(_check), WithJsonSchema(SLUG_SCHEMA)]
