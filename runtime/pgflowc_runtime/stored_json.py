"""JSON as the database hands it out, which may hold numbers that Python refuses to make an int of.

A jsonb number may have 131,072 digits; Python makes ints of at most 4,300 of them unless told otherwise,
because more take long. Such a number becomes a Decimal, exactly, so that its run can be looked at.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads

from pgflowc_runtime import pooler


def loads(text: str | bytes) -> Any:
    """The value; raises ValueError for what is no JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_int=_number)


async def prepare(connection: psycopg.AsyncConnection[Any]) -> None:
    """Let a client's connection read such JSON, and work through poolers; raises psycopg.Error."""
    set_json_loads(loads, connection)
    await pooler.adapt(connection)


def prepare_in_thread(connection: psycopg.Connection[Any]) -> None:
    """`prepare` for a connection of synchronous code."""
    set_json_loads(loads, connection)
    pooler.adapt_in_thread(connection)


def _number(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:
        return Decimal(digits)
