"""A statement as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, LiteralString, TypeVar

T = TypeVar("T")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A statement to execute in a transaction of its own.

    `decode` gets rows as dicts, or as tuples if `as_tuples`: those are for statements with many rows.
    """

    sql: LiteralString
    params: Mapping[str, Any]
    decode: Callable[[Sequence[Any]], T]
    as_tuples: bool = False


def no_rows(rows: Sequence[Row]) -> None:
    """For a statement whose rows do not matter."""
    return
