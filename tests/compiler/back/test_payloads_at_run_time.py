"""Generated payload types read and write the JSON that the spec describes."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

CASES = Path(__file__).parents[2] / "cases"
EVERY = {
    "text": "é",
    "whole": 1,
    "real": 1.5,
    "flag": True,
    "exact": "1.10",
    "day": "2026-11-22",
    "moment": "2026-11-22T10:00:00Z",
    "clock": "10:00:00",
    "id": "12345678-1234-5678-1234-567812345678",
    "blob": "AAH/",
    "anything": {"deep": [None, 1]},
    "raw": [1, "x"],
    "nothing": None,
    "named_nothing": None,
    "listed": [[1], []],
    "keyed": {"a": [{"amount": "1", "currency": "EUR"}]},
    "either": [True],
    "maybe": None,
    "tags": ["x"],
    "tree": {"value": 1, "children": [{"value": 2, "children": []}]},
    "ring": {"links": [{"ring": None, "weight": 1.0}]},
    "branch": {"name": "a", "branches": [{"name": "b", "branches": []}]},
    "inline": {"street": "x", "point": {"x": 1.0, "y": 2.0}},
    "options": [{"key": "a", "value": {"b": 1}}],
    "choice": None,
    "only": None,
}


def _module(case: str, name: str) -> ModuleType:
    path = CASES / case / "expected" / "shop" / "_generated" / f"{name}.py"
    spec = spec_from_file_location(f"case_{case}_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_type_survives_the_way_to_json_and_back() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(_module("payload_types", "every_type").EveryTypeInput)
    value = adapter.validate_python(EVERY)
    assert value.exact == Decimal("1.10")
    assert value.day == dt.date(2026, 11, 22)
    assert value.id == UUID(int=0x12345678123456781234567812345678)
    assert value.blob == b"\x00\x01\xff"
    assert value.tree.children[0].value == 2
    assert value.branch.branches[0].name == "b"
    assert adapter.dump_python(value, mode="json", by_alias=True) == EVERY


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("whole", "x"), ("day", "tomorrow"), ("choice", "three"), ("tree", {}), ("blob", "*"), ("real", "NaN")],
)
def test_what_the_spec_does_not_describe_is_refused(field: str, wrong: object) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(_module("payload_types", "every_type").EveryTypeInput)
    with pytest.raises(ValidationError) as found:
        adapter.validate_python({**EVERY, field: wrong})
    assert {error["loc"][0] for error in found.value.errors()} == {field}


def test_awkward_fields_keep_their_names_in_json() -> None:
    module = _module("awkward_names", "class_")
    sent = {
        "class": "c",
        "order-id": 1,
        "_hidden": None,
        "date": "2026-11-22",
        "str": "s",
        "list": [1],
        "json": {"x": 1},
        "model_dump": True,
        "größe": 3,
        "l": 4,
        "1st": "f",
    }
    adapter: TypeAdapter[Any] = TypeAdapter(module.ClassInput)
    value = adapter.validate_python(sent)
    assert (value.class_, value.order_id, value.list_, value.model_dump_) == ("c", 1, [1], True)
    assert adapter.dump_python(value, mode="json", by_alias=True) == sent
    # In Python they have the names that type checkers know.
    assert value == module.ClassInput(
        class_="c",
        order_id=1,
        date=dt.date(2026, 11, 22),
        str_="s",
        list_=[1],
        json_={"x": 1},
        model_dump_=True,
        größe=3,
        l_=4,
        field_1st="f",
    )


def test_deps_are_read_by_slug() -> None:
    module = _module("awkward_names", "class_")
    adapter: TypeAdapter[Any] = TypeAdapter(module.MatchDeps)
    deps = adapter.validate_python(
        {"list": [{"taken": True}], "def": {"lambda": {"Step": "s", "Payload": 1}}, "__mangled": None}
    )
    assert deps.list_[0].taken is True
    assert deps.def_.lambda_.Payload == 1
    assert deps.mangled is None


def test_a_skipped_dependency_is_none() -> None:
    module = _module("skipped_dependencies", "optional")
    adapter: TypeAdapter[Any] = TypeAdapter(module.TotalDeps)
    # A map over a skipped step has no elements; it is not skipped itself.
    deps = adapter.validate_python({"probe": {"found": False}, "double": []})
    assert (deps.numbers, deps.double, deps.nothing) == (None, [], None)
    with pytest.raises(ValidationError, match="probe"):
        adapter.validate_python({"numbers": [1], "double": [1]})
