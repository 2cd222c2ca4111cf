"""Slugs as a value of specs: what mends them, and their JSON Schema."""

from __future__ import annotations

import re
from typing import Annotated, Any
from unicodedata import combining, normalize

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from pgflowc_language.slugs import MAX_LENGTH, PATTERN, RESERVED, broken_rule


def mended(slug: str) -> str | None:
    """A valid slug that looks like `slug`, None when there is no obvious one."""
    plain = "".join(c for c in normalize("NFKD", slug[: 2 * MAX_LENGTH]) if not combining(c))
    candidate = re.sub(r"[^a-zA-Z0-9]+", "_", plain).strip("_")[:MAX_LENGTH]
    if candidate and candidate[0].isdigit():
        candidate = "_" + candidate
    return candidate if candidate and broken_rule(candidate) is None else None


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
