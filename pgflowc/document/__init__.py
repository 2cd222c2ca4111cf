"""Text to a tree of nodes with positions: the only stage that knows YAML from TOML."""

from __future__ import annotations

from pgflowc.diagnostics import Report
from pgflowc.document.characters import check_characters
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
    source = Source(path, text)
    if not check_characters(source, report):
        return ()
    if path.lower().endswith(".toml"):
        from pgflowc.document.toml_text import parse_toml

        return parse_toml(source, report)
    from pgflowc.document.yaml_text import parse_yaml

    return parse_yaml(source, report)
