"""JSON Schemas of the payloads of signals: the same for the same type, read back as it, true to values."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter

from pgflowc.check import check_sources
from pgflowc.diagnostics import Report
from pgflowc.graph.model import Flow
from pgflowc_language.payload_schema import payload_schema, read_payload_schema, schema_text
from pgflowc_language.payload_types import Object, OneOf, Scalar
from pgflowc_runtime.definitions.types import Types
from pgflowc_runtime.payload import Base64, ExactDecimal

SCALARS = ("str", "int", "float", "bool", "decimal", "date", "datetime", "time", "uuid", "bytes", "null")
ENUMS = st.lists(st.sampled_from(["a", 1, True, None]), min_size=1, max_size=3).map(
    lambda values: {"$enum": list(dict.fromkeys(values))}
)
NAMED = {"T": {"parts": ["T"], "next": "T | null"}, "E": {"$enum": ["a", None]}, "N": "str | null"}
TEXTS = st.recursive(
    st.sampled_from((*SCALARS, "any", *NAMED)),
    lambda inner: (
        inner.map(lambda item: f"[{item}]")
        | inner.filter(lambda value: "|" not in value.split("[")[0]).map(lambda value: f"map of {value}")
        | st.lists(inner, min_size=2, max_size=3, unique=True).map(" | ".join)
    ),
    max_leaves=5,
)
WRITTEN: st.SearchStrategy[Any] = st.recursive(
    TEXTS | ENUMS,
    lambda inner: (
        st.tuples(inner).map(list) | st.dictionaries(st.sampled_from(["x", "y", "ref"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(WRITTEN, st.booleans())
def test_a_schema_is_read_as_the_type_that_it_is_of(written: Any, closed: bool) -> None:
    types = Types(NAMED, {("payload",): written})
    assume(not types.faults)  # `str | str`
    text = schema_text(types.schema(("payload",), closed=closed))
    found, named = read_payload_schema(text)
    assert schema_text(payload_schema(found, named, closed=closed)) == text


@settings(max_examples=25, deadline=None)
@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda one: (
            st.lists(one)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "$ref",
                        "$defs",
                        "anyOf",
                        "enum",
                        "type",
                        "format",
                        "items",
                        "properties",
                        "required",
                        "additionalProperties",
                    ]
                ),
                one,
            )
        ),
    )
)
def test_a_schema_of_others_is_read_as_some_type(schema: object) -> None:
    read_payload_schema(json.dumps(schema))


def test_the_order_of_fields_plays_no_part() -> None:
    assert _schema("{a: int, b: [T], c: str | null}") == _schema("{c: str | null, b: [T], a: int}")
    assert _schema("{a: int}") != _schema("{a: int}", "extra_fields: forbid")
    assert _schema("{a: int}") == _schema("{a: int}", "extra_fields: {out: ignore}")


def _schema(notation: str, extra: str = "") -> str:
    types = "types:\n  T: {n: int}\n  U: T\ninput: U\n"
    spec = f"flow: f\n{extra}\n{types}steps:\n  s:\n    signal:\n      payload: {notation}\n"
    report = Report()
    (flow,) = check_sources({"f.yaml": spec}, report)
    assert not report.has_errors, report.sorted()
    return _of(flow)


def _of(flow: Flow) -> str:
    signal = flow.steps[0].signal
    assert signal is not None
    return schema_text(payload_schema(signal.payload, flow.types, closed=flow.extra.incoming == "forbid"))


# What each type is in Python, and values of it whose JSON is odd.
VALUES: dict[str, tuple[Any, list[Any]]] = {
    "str": (str, ["", "é", "null"]),
    "int": (int, [0, -(10**30)]),
    "float": (float, [1.5, -1e300, 5e-324, 3.0]),
    "bool": (bool, [True]),
    "decimal": (ExactDecimal, [Decimal("1.10"), Decimal("-1E+30"), Decimal("1E-30"), Decimal("-0.0")]),
    "date": (dt.date, [dt.date.min, dt.date.max]),
    "datetime": (
        dt.datetime,
        [
            dt.datetime(1, 1, 1),  # noqa: DTZ001 - without a zone
            dt.datetime.max.replace(tzinfo=dt.UTC),
            dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC),
            dt.datetime(2026, 11, 22, 10, tzinfo=dt.timezone(dt.timedelta(hours=-23, minutes=-59))),
        ],
    ),
    "time": (dt.time, [dt.time.min, dt.time.max, dt.time(10, 30)]),
    "uuid": (UUID, [UUID(int=0), UUID(int=2**128 - 1)]),
    "bytes": (Base64, [b"", b"\x00", b"\xff\xfe\xfd", b"1234"]),
    "null": (None, [None]),
}


def test_postgresql_takes_every_value_as_python_writes_it(core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        for name, (python, values) in VALUES.items():
            for value in values:
                written = TypeAdapter(python).dump_json(value).decode()
                for type_ in (Scalar(name), OneOf((Scalar(name), Object(())))):  # type: ignore[arg-type]
                    fault = _fault(connection, schema_text(payload_schema(type_, {})), written)
                    assert fault is None, (name, written)
            if name not in ("str", "null"):
                assert _fault(connection, schema_text(payload_schema(Scalar(name), {})), '"?"'), name  # type: ignore[arg-type]


# JSON that looks like a value of some type.
ODD = [
    *('"2024-02-29"', '"2023-02-29"', '"1900-02-29"', '"2024-04-31"', '"2024-13-01"', '"0000-01-01"'),
    *('"2024-02-29T25:00"', '"2024-02-29 10:00:60Z"', '"2023-02-29T10:00:00"', '"2024-02-29T10:00+24:00"'),
    *('"2024-02-29T10:00+0130"', '"9999-12-31T23:59:59.999999-23:59"', '"2024-02-29t10:00z"'),
    *('"24:00"', '"10:00"', '"23:59:60"', '"10:00:00.123456789Z"', '"1:00"', '"10:00+01:60"'),
    *('"A"', '"AA"', '"AA=="', '"AAA="', '"AA_-"', '"===="', '"AA==AA=="', '"AAH/\\n"'),
    *('"12345678123456781234567812345678"', '"12345678-123456781234567812345678"'),
    *('"1e99999999999999999999"', '" 1.5 "', '"1_0"', '"NaN"', '"."'),
    *("0.1234567890123456", "9007199254740993.0", "1.10", "-100.0", "1e400", "2e308", "1e308", "1.0", "1.5"),
    *("1" + "0" * 20 + ".0", "1" + "0" * 4300, "true", "null", "[]", "{}"),
]


def test_postgresql_takes_nothing_that_handlers_refuse(core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        for name, (python, _) in VALUES.items():
            taken = connection.execute(
                "select v::jsonb::text from unnest(%s::text[]) v "
                "where pgflowc._payload_fault(%s, v::jsonb) is null",
                (ODD, schema_text(payload_schema(Scalar(name), {}))),  # type: ignore[arg-type]
            ).fetchall()
            assert taken, name
            for (value,) in taken:
                TypeAdapter(python, config=ConfigDict(allow_inf_nan=False)).validate_json(value)


@pytest.mark.parametrize(
    ("notation", "good", "bad"),
    [
        (
            "{a: int | null, b: [T]}",
            ['{"b": []}', '{"a": null, "b": [{"n": 1}], "c": 2}'],
            ['{"b": [{}]}', '{"a": 1}'],
        ),
        ("map of T | [str]", ['{"x": {"n": 1}}', '["x"]', "{}"], ['{"x": 1}', "[1]", "1"]),
        ("{$enum: [a, 1, true, null]}", ['"a"', "1", "true", "null"], ['"b"', "false", "{}"]),
        ("any", ["null", "[]"], []),
    ],
)
def test_postgresql_judges_payloads_by_the_schemas_of_specs(
    notation: str, good: list[str], bad: list[str], core_dsn: str
) -> None:
    schema = _schema(notation)
    with psycopg.connect(core_dsn) as connection:
        assert [value for value in good if _fault(connection, schema, value)] == []
        assert [value for value in bad if not _fault(connection, schema, value)] == []


def _fault(connection: psycopg.Connection, schema: str, value: str) -> str | None:
    row = connection.execute(
        "select pgflowc._payload_fault(%s::jsonb, %s::jsonb)", (schema, value)
    ).fetchone()
    assert row is not None
    found: str | None = row[0]
    return found
