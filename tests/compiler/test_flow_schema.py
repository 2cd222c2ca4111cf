"""schemas/flow.schema.json: it is what the model says today, and sees all faults that a schema can see."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pgflowc.check import check_sources
from pgflowc.diagnostics import Code, Report, Severity
from pgflowc.diagnostics.codes import syntax
from pgflowc.document import Document, Mapping, Node, Refused, Scalar, Sequence, parse
from pgflowc.resources import resource_root
from pgflowc.spec.json_schema import flow_schema

CASES = Path(__file__).parents[1] / "cases"
SPECS = sorted(
    path
    for pattern in ("*/flows/*.yaml", "*/flows/*.toml", "*/specs/*.yaml", "fault_*/*.yaml", "fault_*/*.toml")
    for path in CASES.glob(pattern)
)
VALIDATOR = Draft202012Validator(json.loads(flow_schema()))

# What one value shows, always or in some forms only (text of a type that only its meaning makes wrong, a day
# that never comes, `1.0` for `1`). All else takes several values, or another file, to see: there a schema
# accepts what the compiler refuses.
SEEN = {
    *("PGF101", "PGF102", "PGF103", "PGF105", "PGF106", "PGF107", "PGF108", "PGF109"),
    *(
        "PGF110",
        "PGF111",
        "PGF113",
        "PGF116",
        "PGF117",
        "PGF118",
        "PGF207",
        "PGF209",
        "PGF301",
        "PGF303",
        "PGF307",
        "PGF308",
    ),
    *("PGF311", "PGF501", "PGF502"),
}
PARTLY_SEEN = {"PGF104", "PGF114", "PGF115", "PGF201", "PGF204", "PGF302", "PGF306", "PGF312"}

# Findings about the text, of which the tree that a schema looks at shows nothing.
IN_THE_TEXT = {
    "PGF003": "a tree has one value for a key",
    "PGF007": "trees have no anchors, aliases and merge keys",
    "PGF008": "trees have no tags",
    **dict.fromkeys(("PGF020", "PGF021", "PGF022", "PGF023", "PGF024"), "trees have no comments"),
}


def test_the_shipped_schema_is_current() -> None:
    shipped = (resource_root() / "schemas" / "flow.schema.json").read_text(encoding="utf-8")
    assert shipped == flow_schema(), "write it anew: pgflowc schema > schemas/flow.schema.json"


def test_it_is_valid_json_schema_and_explains_every_key() -> None:
    schema = json.loads(flow_schema())
    Draft202012Validator.check_schema(schema)
    for name, model in schema["$defs"].items():
        for key, value in model.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"
            for example in value.get("examples", ()):
                inner = {**value, "$defs": schema["$defs"]}
                assert not list(Draft202012Validator(inner).iter_errors(example)), f"{name}.{key}: {example}"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.relative_to(CASES).as_posix())
def test_it_accepts_and_rejects_what_the_compiler_does(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    report = Report()
    documents = parse(path.name, text, Report())
    check_sources({path.name: text}, report)
    found = [one for one in report.sorted() if one.span and one.code.id not in IN_THE_TEXT]
    ends = [*(_first_line(one) for one in documents[1:]), 10**9]
    for document, end in zip(documents, ends, strict=False):
        start = _first_line(document) if document is not documents[0] else 1
        codes = {one.code.id for one in found if one.span and start <= one.span.start.line < end}
        faults = [error.message for error in VALIDATOR.iter_errors(_plain(document.root))]
        if codes & SEEN:
            assert faults, codes
        elif not codes & PARTLY_SEEN and _is_whole(document.root):
            assert not faults, codes
    if not documents:
        # What cannot be read has no tree, and an empty file has none either.
        assert {one.code.id for one in found} & {*CODES_OF_SYNTAX}


CODES_OF_SYNTAX = {code.id for code in vars(syntax).values() if isinstance(code, Code)}


def _schema_takes(document: object) -> bool:
    return VALIDATOR.is_valid(document)


WORDS = ("str", "map", "of", "Item", "[", "]", "|", " ", "map of ", "$", "1", "{", "\n", "")


def test_texts_of_types_fit_its_pattern_if_they_can_be_read() -> None:
    """All texts of up to three words, but for names that no type has: `map` and `of` may be none."""
    for words in product(WORDS, repeat=3):
        text = "".join(words)
        spec = {"flow": "f", "input": text, "steps": {"a": {}}, "types": {"Item": "str"}}
        report = Report()
        check_sources({"f.yaml": json.dumps(spec)}, report)
        codes = {one.code.id for one in report.sorted()}
        if "PGF305" in codes:
            continue  # A pattern cannot compare the members of a union.
        unreadable = "PGF301" in codes or any(
            "'map'" in one.message or "'of'" in one.message
            for one in report.sorted()
            if one.code.id == "PGF302"
        )
        assert _schema_takes(spec) != unreadable, (text, codes)


@pytest.mark.parametrize("place", range(5))
def test_fields_of_schedules_fit_its_pattern_if_they_mean_something(place: int) -> None:
    numbers = ["0", "1", "00", "07", "08", "7", "12", "13", "23", "24", "31", "32", "59", "60", "99", "100"]
    fields = [
        *numbers, *(f"*/{number}" for number in numbers), *(f"{number}-7" for number in numbers),
        *(f"1-{number}/3" for number in numbers), *(f"5,{number}" for number in numbers),
        "*", "?", "", "*,*", "-", "1-", "L", "l", "mon#2", "L5", "L8", "jan", "MON", "Fri-mon", "mon,", "x",
    ]  # fmt: skip
    for field in fields:
        fields_of_it = ["*"] * 5
        fields_of_it[place] = field
        spec = {"flow": "f", "cron": " ".join(fields_of_it), "steps": {"a": {}}}
        report = Report()
        check_sources({"f.yaml": json.dumps(spec)}, report)
        comes = not [one for one in report.sorted() if one.severity is Severity.ERROR]
        assert _schema_takes(spec) == comes, (field, report.sorted())


@pytest.mark.parametrize(
    ("key", "values"),
    [
        (
            "timeout",
            ["0s", "00h", "1s", "2147483000s", "2147483001s", "24855d", "24856d", "99999999999s", "1w"],
        ),
        (
            "base_delay",
            ["0s", "0", "1h", "596523h", "596524h", "35791383m", "35791384m", "0000000001s", "-1s"],
        ),
        ("version", ["", " ", "x", " x ", "x" * 64, "x" * 65, "a b", "a\nb", "\u00a0", "é", 3, 1.5, True]),
        ("description", ["", 1, None, "x" * 5000]),
    ],
)
def test_values_fit_it_if_the_compiler_takes_them(key: str, values: list[Any]) -> None:
    for value in values:
        spec = {"flow": "f", "max_attempts": 1, key: value, "steps": {"a": {}}}
        report = Report()
        check_sources({"f.yaml": json.dumps(spec)}, report)
        errors = [one.message for one in report.sorted() if one.severity is Severity.ERROR]
        assert _schema_takes(spec) == (not errors), (value, errors)


@pytest.mark.parametrize(
    "body",
    [
        {"handler": "shop.mail:send"}, {"handler": "shop.class:send"}, {"handler": "classy.in_:is_"},
        {"handler": "shop:None"}, {"handler": "shop.mail.send"}, {"handler": "shop:é"},
        {"handler": "async:x"},
        {"output": {"$python": "shop:import"}}, {"output": {"$ref": "https://x.com/y.json"}},
        {"output": {"$ref": "#/a"}}, {"output": {"$enum": [1, 1]}}, {"output": {"": "str"}},
        {"output": {"$enum": [1.5]}}, {"output": {"$enum": []}}, {"output": []}, {"output": ["str", "int"]},
        {"map": "a.b"}, {"map": "$run"}, {"map": "run"}, {"depends_on": ["a", "a"]}, {"depends_on": ["a-b"]},
        {"was": "a-b"}, {"if": []}, {"when_unmet": "Skip"}, {"isolation": "fork"},
    ],
    ids=str,
)  # fmt: skip
def test_it_sees_what_is_wrong_with_one_value(body: dict[str, Any]) -> None:
    spec = {"flow": "f", "steps": {"a": {"output": ["str"]}, "b": body}}
    report = Report()
    check_sources({"f.yaml": json.dumps(spec)}, report)
    assert _schema_takes(spec) == (not report.sorted()), report.sorted()


@pytest.mark.parametrize(
    "name", ["Item", "item_2", "_", "x" * 128, "x" * 129, "a-b", "2a", "str", "map", "of", "é", ""]
)
def test_it_knows_names_of_types(name: str) -> None:
    spec = {"flow": "f", "types": {name: "str"}, "input": {"a": name}, "steps": {"a": {}}}
    report = Report()
    check_sources({"f.yaml": json.dumps(spec)}, report)
    assert _schema_takes(spec) == (not report.sorted())


_ABSENT = object()


def _is_whole(node: Node) -> bool:
    match node:
        case Sequence(items=items):
            return all(_is_whole(item) for item in items)
        case Mapping(entries=entries):
            return not node.incomplete and all(_is_whole(entry.value) for entry in entries.values())
    return not isinstance(node, Refused)


def _first_line(document: Document) -> int:
    return document.root.span.start.line


def _plain(node: Node) -> Any:
    match node:
        case Refused():
            return _ABSENT
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [value for item in items if (value := _plain(item)) is not _ABSENT]
        case Mapping(entries=entries):
            values = ((key, _plain(entry.value)) for key, entry in entries.items())
            return {key: value for key, value in values if value is not _ABSENT}
