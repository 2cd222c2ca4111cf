"""Text to a tree of nodes with positions: the only stage that knows YAML from TOML."""

from __future__ import annotations

from dataclasses import replace

from pgflowc.diagnostics import Report
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.characters import without_odd_characters
from pgflowc.document.merge_conflict import without_conflicts
from pgflowc.document.model import (
    Document,
    Entry,
    Mapping,
    Node,
    Path,
    Place,
    Refused,
    Scalar,
    ScalarValue,
    Sequence,
)
from pgflowc.document.source import Source

__all__ = [
    "Document",
    "Entry",
    "Mapping",
    "Node",
    "Path",
    "Place",
    "Refused",
    "Scalar",
    "ScalarValue",
    "Sequence",
    "Source",
    "parse",
]


def parse(path: str, text: str, report: Report) -> tuple[Document, ...]:
    """The documents of one file: TOML for `.toml`, YAML for every other suffix.

    `path` only labels positions. What cannot be parsed is reported and left out; a file without any document
    is reported.
    """
    source = without_odd_characters(Source(path, text), report)
    if source is None:
        return ()
    if not source.odd:
        return _parse(source, report)
    own = Report()
    documents = _parse(source, own)
    lines = {source.position(offset).line for offset in source.odd}
    # What is wrong in the same line may come of the characters that were put in the place of others.
    report.extend(found for found in own.sorted() if found.span and found.span.start.line not in lines)
    return documents


def _parse(source: Source, report: Report) -> tuple[Document, ...]:
    is_toml = source.path.lower().endswith(".toml")
    code = syntax.INVALID_TOML if is_toml else syntax.INVALID_YAML
    source, words = without_conflicts(source, code, report)
    documents = _parse_toml(source, report) if is_toml else _parse_yaml(source, report)
    return tuple(replace(one, unread=one.unread | words) for one in documents) if words else documents


def _parse_toml(source: Source, report: Report) -> tuple[Document, ...]:
    from pgflowc.document.toml_text import parse_toml

    return parse_toml(source, report)


def _parse_yaml(source: Source, report: Report) -> tuple[Document, ...]:
    from pgflowc.document.yaml_text import parse_yaml

    return parse_yaml(source, report)
