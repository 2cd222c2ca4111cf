"""Names in generated Python: usable, distinct, and the same tomorrow."""

from __future__ import annotations

import builtins
import keyword
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pgflowc.render.imports import from_import, from_imports
from pgflowc.render.layout import Group, call, flat, lay_out, subscript, union
from pgflowc.render.layout import keyword as named
from pgflowc.render.names import Scope, attributes, constant_case, function_name, identifier, pascal_case

slugs = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("process_order", "process_order"),
        ("class", "class_"),
        ("class_", "class__"),
        ("order_", "order_"),
        ("print", "print_"),
        ("type", "type_"),
        ("l", "l_"),
    ],
)
def test_slugs_keep_their_names_if_python_can_use_them(slug: str, name: str) -> None:
    assert identifier(slug) == name


@given(
    st.lists(st.sampled_from(["class", "_", "__init__", "l", "order"]) | slugs, min_size=1), st.integers(0, 3)
)
def test_no_two_slugs_have_one_name(words: list[str], underscores: int) -> None:
    spelled = {f"{word}{'_' * number}" for word in words for number in range(underscores + 1)}
    assert len({identifier(slug) for slug in spelled}) == len(spelled)


@pytest.mark.parametrize(
    ("slug", "name"),
    [("_charge", "charge_"), ("__x", "x__"), ("_", "step"), ("_1x", "step_1x"), ("_class", "class__")],
)
def test_functions_are_public_and_no_other_steps(slug: str, name: str) -> None:
    assert function_name(slug) == name


def test_no_slug_becomes_a_keyword_or_hides_a_builtin_function() -> None:
    lower = {name for name in dir(builtins) if name.islower() and not name.startswith("_")}
    for word in {*keyword.kwlist, *keyword.softkwlist, *lower}:
        assert identifier(word) == f"{word}_"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("process_order", "ProcessOrder"),
        ("processOrder", "ProcessOrder"),
        ("HTTP_get2", "HTTPGet2"),
        ("_private", "Private"),
        ("__", "X"),
        ("_1", "X1"),
        ("größe der", "GrEDer"),
    ],
)
def test_class_names(text: str, name: str) -> None:
    assert pascal_case(text) == name


@given(slugs | st.text(max_size=20))
def test_derived_names_are_identifiers(text: str) -> None:
    assert pascal_case(text).isidentifier()
    assert Scope().claim(text).isidentifier()


@given(slugs)
def test_constants_are_upper_case_identifiers(slug: str) -> None:
    name = Scope().claim(constant_case(slug))
    assert name.isidentifier()
    assert name == name.upper()


@given(st.lists(slugs, max_size=10))
def test_no_name_is_given_twice(wanted: list[str]) -> None:
    scope = Scope({"taken"})
    claimed = [scope.claim(name) for name in wanted]
    assert len({*claimed, "taken"}) == len(claimed) + 1
    # A name goes to who asks first.
    assert not wanted or claimed[0] == wanted[0] or claimed[0].startswith(wanted[0])


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=8), st.booleans())
def test_attributes_are_distinct_and_usable(keys: list[str], model: bool) -> None:
    found = attributes(keys, {"str", "dict"}, model=model)
    assert list(found) == keys
    assert len({*found.values()}) == len(keys)
    for key, name in found.items():
        assert name.isidentifier(), key
        assert not keyword.iskeyword(name)
        assert not name.startswith("_")
        assert name not in ("str", "dict")


def test_no_field_hides_an_attribute_of_pydantic() -> None:
    public = [name for name in dir(BaseModel) if not name.startswith("_")]
    found = attributes(public, (), model=True)
    assert all(found[name] not in public for name in public)


def test_a_plain_key_keeps_its_name_whatever_else_there_is() -> None:
    assert attributes(["a-b", "a_b"], (), model=True) == {"a-b": "a_b_", "a_b": "a_b"}


def test_imports_are_sorted_as_ruff_sorts_them() -> None:
    assert from_import("m", ["b2", "b10", "A", "CONST", "a"]) == "from m import CONST, A, a, b2, b10"
    assert from_imports({("m.b", "x"): "x", ("m.A", "y"): "z", ("m.b", "a"): "c", ("m.A", "x"): "x"}) == [
        "from m.A import x",
        "from m.A import y as z",
        "from m.b import a as c",
        "from m.b import x",
    ]


def test_layout_breaks_from_the_outside_in() -> None:
    inner = subscript("Callable", Group("", "[]", ("A" * 30, "B" * 30)), union(("C" * 50, "D" * 50)))
    assert lay_out("X = ", inner).split("\n") == [
        "X = Callable[",
        f"    [{'A' * 30}, {'B' * 30}],",
        f"    {'C' * 50}",
        f"    | {'D' * 50},",
        "]",
    ]
    assert lay_out("", call("f", named("a", "1"))) == "f(a=1)"
    assert lay_out("", call("f", named("a", "1"), exploded=True)) == "f(\n    a=1,\n)"
    assert flat(Group("", "()", ("x",), lone_comma=True)) == "(x,)"


@given(st.lists(st.text("ab", min_size=1, max_size=60), min_size=2, max_size=6))
def test_lines_fit_unless_one_word_does_not(words: list[str]) -> None:
    lines = lay_out("name = ", call("f", *words)).split("\n")
    assert all(len(line) <= 88 for line in lines)
    assert not [(a, b) for a, b in pairwise(lines) if a.endswith("(") and b == ")"]
