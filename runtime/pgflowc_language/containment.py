"""JSON containment, by which conditions are judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def contains(whole: Any, part: Any) -> bool:
    """JSON containment as PostgreSQL's @> has it below the top."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            key in whole and contains(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(contains(one, value) for one in whole) for value in part)
    return (
        not isinstance(whole, Mapping | list)
        and isinstance(whole, bool) == isinstance(part, bool)
        and bool(whole == part)
    )
