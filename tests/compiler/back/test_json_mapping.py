"""Payloads to JSON and back, in the worker's own functions: docs/types.md row by row, and any values."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pgflowc.compile import compile_sources
from pgflowc.render import Layout
from pgflowc_runtime import Flow
from pgflowc_runtime.outcome import Completed, Failed, from_result
from pgflowc_runtime.payload import forbidden
from pgflowc_runtime.registry import Binding

PAGE = (Path(__file__).parents[3] / "docs" / "types.md").read_text("utf-8")
NAMES = {
    "Decimal": Decimal,
    "date": dt.date,
    "datetime": dt.datetime,
    "time": dt.time,
    "UTC": dt.UTC,
    "UUID": UUID,
}


def _rows(header: str) -> list[tuple[str, ...]]:
    """The rows of the page's table with these headings; code is without its backticks."""
    table = PAGE.split(f"| {header} |\n")[1].split("\n\n")[0]
    return [
        tuple(cell.strip().strip("`").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        for line in table.splitlines()[1:]
    ]


def _binding(type_: str, extra: str = "") -> Binding:
    """A step whose argument (the run's input) and output have this type."""
    spec = f"flow: f\n{extra}\ninput: {type_}\nsteps:\n  s:\n    output: {type_}\n"
    compilation = compile_sources({"f.yaml": spec}, Layout("shop"), {})
    assert not compilation.failed, compilation.diagnostics
    module = sys.modules["mapping"] = ModuleType("mapping")
    exec(compilation.rendered.files["shop/_generated/f.py"], module.__dict__)
    flow = next(value for value in vars(module).values() if isinstance(value, Flow))
    return Binding(flow, flow.steps[0], lambda *_: None)


def _written(binding: Binding, value: Any) -> str:
    found = from_result(binding.output, value, extra=forbidden(binding.flow.extra_out))
    assert isinstance(found, Completed), found
    return found.output


def _quoted(type_: str) -> str:
    return type_ if type_.startswith(("[", "{")) else f'"{type_}"'


@pytest.mark.parametrize(("type_", "python", "written"), _rows("type | Python | written"))
def test_values_are_written_as_the_page_says(type_: str, python: str, written: str) -> None:
    binding, value = _binding(_quoted(type_)), eval(python, NAMES)
    assert json.loads(_written(binding, value)) == json.loads(written)
    found = binding.read(written)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("type_", "read", "python"), _rows("type | read | Python"))
def test_other_forms_are_read_as_the_page_says(type_: str, read: str, python: str) -> None:
    found, value = _binding(_quoted(type_)).read(read), eval(python, NAMES)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("type_", "refused", "why"), _rows("type | refused | why"))
def test_what_would_lose_something_is_refused(type_: str, refused: str, why: str) -> None:
    with pytest.raises(ValidationError):
        _binding(_quoted(type_)).read(refused)


# ISO 8601 has offsets in minutes; those of zones were odder before there were time zones.
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
FIELDS = {
    "str": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    "int": st.integers(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False),
    "date": st.dates(),
    "datetime": st.datetimes(timezones=st.none() | OFFSETS),
    "time": st.times(),
    "uuid": st.uuids(),
    "bytes": st.binary(),
    "json": st.recursive(
        st.none() | st.booleans() | st.integers() | st.text('ab"\\é'),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
        max_leaves=5,
    ),
}
EVERY = _binding("{" + ", ".join(f"f_{name}: {name}, l_{name}: [{name}]" for name in FIELDS) + "}")


@given(
    st.fixed_dictionaries(
        {f"f_{name}": values for name, values in FIELDS.items()}
        | {f"l_{name}": st.lists(values, max_size=2) for name, values in FIELDS.items()}
    )
)
def test_every_value_survives_the_way_to_json_and_back(values: dict[str, Any]) -> None:
    written = _written(EVERY, values)
    # As PostgreSQL reads it: strict JSON, numbers with all their digits.
    json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    read = EVERY.read(written)
    for name, value in values.items():
        assert getattr(read, name) == value, name
    assert _written(EVERY, dict(read)) == written


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=1))
def test_a_decimal_is_read_from_a_number_with_all_its_digits(value: Decimal) -> None:
    assert _binding('"decimal"').read(f"{value}") == value


@given(st.floats())
def test_a_decimal_is_never_read_with_other_digits(value: float) -> None:
    binding, digits = _binding('"decimal"'), f"{Decimal(value):.20e}"
    try:
        found = binding.read(digits)
    except ValidationError:
        return
    assert math.isclose(found, Decimal(digits), rel_tol=1e-15)


@pytest.mark.parametrize("value", [math.nan, math.inf, [math.nan], {"a": -math.inf}, object()])
@pytest.mark.parametrize("type_", ['"json"', '"float"', "[float]", "map of float", "{a: float}"])
def test_what_json_cannot_hold_is_never_written(value: object, type_: str) -> None:
    found = from_result(_binding(type_).output, value)
    assert isinstance(found, Failed)
    assert found.permanent


@pytest.mark.parametrize(
    ("policy", "reads", "writes"),
    [
        ("", True, False),
        ("extra_fields: forbid", False, False),
        ("extra_fields: ignore", True, True),
        ("extra_fields: {in: forbid, out: ignore}", False, True),
    ],
)
def test_fields_that_are_not_named(policy: str, reads: bool, writes: bool) -> None:
    binding = _binding("{a: int, inner: [{b: int}]}", policy)
    more = {"a": 1, "inner": [{"b": 2, "c": 3}]}
    if reads:
        assert binding.read(json.dumps(more)).inner[0].b == 2
    else:
        with pytest.raises(ValidationError, match=r"inner\.0\.c"):
            binding.read(json.dumps(more))
    found = from_result(binding.output, more, extra=forbidden(binding.flow.extra_out))
    assert isinstance(found, Completed) is writes
