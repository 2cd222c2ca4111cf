"""What payloads of signals are compared with."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

NEXT = {"anyOf": [{"$ref": "#/$defs/T"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [1, 2.0, -3], [1.5, "1", True]),
        ({"type": "number"}, [1, 1.5], ["1"]),
        ({"type": ["number", "string"], "format": "decimal"}, [1, "1.50", "1e5"], ["a", "", None]),
        ({"type": "string", "format": "date"}, ["2024-02-29"], ["29.2.2024", 1]),
        ({"type": "string", "format": "date-time"}, ["2024-02-29T10:00:00Z"], ["2024-02-29"]),
        ({"type": "string", "format": "uuid"}, [str(uuid4())], ["x"]),
        ({"enum": ["a", 1]}, ["a", 1], ["b", "1"]),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"enum": [True]}}]}, ["a", [True]], [[1]]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1}], [{"a": "b"}]),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, [{"a": []}], [{"b": 1}]),
        (
            {
                "$defs": {"T": {"type": "object", "properties": {"next": NEXT}}},
                "$ref": "#/$defs/T",
            },
            [{}, {"next": {"next": None}}],
            [{"next": {"next": 1}}],
        ),
        ({}, [None, 1, [], {}], []),
    ],
)  # fmt: skip
def test_payloads_are_judged_by_their_schema(fast, schema: Any, good: list[Any], bad: list[Any]) -> None:
    def fault(value: Any) -> str | None:
        return fast.value("select pgflowc._payload_fault(%s, %s)", Jsonb(schema), Jsonb(value))

    assert [value for value in good if fault(value) is not None] == []
    assert [value for value in bad if fault(value) is None] == []


def test_what_fits_no_part_of_a_union_is_told_all_of_them(fast) -> None:
    union = {
        "anyOf": [
            {"type": ["integer", "null"]},
            {"type": "string", "format": "date"},
            {"type": "array", "items": {"type": "boolean"}},
        ]
    }
    told = {
        (value, fast.value("select pgflowc._payload_fault(%s, %s)", Jsonb(union), Jsonb(json.loads(value))))
        for value in ("{}", '"x"', "[1]")
    }
    assert told == {
        ("{}", "payload: object instead of integer or null or string or array"),
        ('"x"', 'payload: "x" is no date'),
        ("[1]", "payload[0]: number instead of boolean"),
    }


@pytest.mark.parametrize(
    ("parts", "value", "told"),
    [
        ([{"type": "object"}, {"type": "object", "required": ["x"]}], "no", "string instead of object"),
        (
            [{"type": ["number", "string"], "format": "decimal"}, {"type": "string", "format": "date"}],
            [],
            "array instead of number or string",
        ),
    ],
)
def test_kinds_that_parts_of_a_union_share_are_told_once(fast, parts: Any, value: Any, told: str) -> None:
    fault = fast.value("select pgflowc._payload_fault(%s, %s)", Jsonb({"anyOf": parts}), Jsonb(value))
    assert fault == f"payload: {told}"
