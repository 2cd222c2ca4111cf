"""schemas/flow.schema.json: it is what the model says today, and sees all faults that a schema can see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report, Severity
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

# Errors that one value shows, always or in some forms only (an hour that does not exist, `1.0` for `1`). All
# others take several values, or another file, to see: there a schema accepts what the compiler refuses.
SEEN = {
    *("PGF101", "PGF102", "PGF103", "PGF105", "PGF106", "PGF107", "PGF108", "PGF109"),
    *("PGF111", "PGF113", "PGF116", "PGF307", "PGF308", "PGF311", "PGF501", "PGF502"),
}
PARTLY_SEEN = {"PGF104", "PGF110", "PGF114", "PGF115", "PGF204", "PGF301", "PGF306", "PGF312"}


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
    errors = [found for found in report.sorted() if found.severity is Severity.ERROR and found.span]
    if any(found.code.id < "PGF050" for found in errors):
        pytest.skip("no tree to look at")
    for document, end in zip(documents, [*(_first_line(one) for one in documents[1:]), 10**9], strict=True):
        codes = {
            found.code.id
            for found in errors
            if found.span and _first_line(document) <= found.span.start.line < end
        }
        faults = [error.message for error in VALIDATOR.iter_errors(_plain(document.root))]
        if codes & SEEN:
            assert faults, codes
        elif not codes & PARTLY_SEEN:
            assert not faults, codes


def _first_line(document: Document) -> int:
    return document.root.span.start.line


def _plain(node: Node) -> Any:
    assert not isinstance(node, Refused)
    match node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [_plain(item) for item in items]
        case Mapping(entries=entries):
            return {key: _plain(entry.value) for key, entry in entries.items()}
