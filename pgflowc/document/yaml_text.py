"""YAML text to documents, from the parser's events rather than its nodes.

The text is cut at `---` lines first: a fault ends its own document and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ruamel.yaml import YAML, main
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.characters import EMPTY_HELP
from pgflowc.document.model import Document, Node
from pgflowc.document.source import Source
from pgflowc.document.yaml_composer import Composer, TooDeepError
from pgflowc.document.yaml_fault import diagnose

# None where there are no binaries of it; `YAML` then takes the pure parser by itself.
_C_PARSER: Any = getattr(main, "CParser", None)
_LONGEST_PURE = 100_000
_DOCUMENT_START = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_ONLY_COMMENTS = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z))*\Z")
_YAML_DIRECTIVE = re.compile(r"^%YAML 1\.[12][ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)", re.MULTILINE)


def parse_yaml(source: Source, report: Report) -> tuple[Document, ...]:
    """All documents of a text that parse; faults are reported, at most one syntax error a document."""
    documents: list[Document] = []
    found_fault = False
    for start, end in _chunks(source.text):
        chunk = _blank_directives(source.text[start:end])
        if _ONLY_COMMENTS.match(chunk.removeprefix("---")):
            continue
        try:
            roots = _compose(source, start, chunk, report)
        except TooDeepError:
            found_fault = True
        except YAMLError as error:
            found_fault = True
            report.add(_fault(source, start, end, error))
        else:
            documents.extend(Document(source, root) for root in roots)
    if not documents and not found_fault:
        report.add(
            Diagnostic(syntax.EMPTY, "there is no flow in this file", source.span(0, 0), help=(EMPTY_HELP,))
        )
    return tuple(documents)


def _compose(source: Source, start: int, chunk: str, report: Report) -> list[Node]:
    """The roots of a chunk. Raises YAMLError and TooDeepError."""
    pure = False
    while True:
        composer = Composer(source, start)
        try:
            return list(composer.compose(_events(chunk, pure=pure)))
        except YAMLError as error:
            # The C parser refuses a colon within a plain text in brackets: `{handler: shop.mail:confirm}`.
            # The pure one reads it as YAML 1.2 does, but is too slow for texts that no person wrote.
            if pure or len(chunk) > _LONGEST_PURE or "found unexpected ':'" not in _problem(error):
                raise
            pure = True
            composer = Composer(source, start)
        finally:
            report.extend(composer.findings())


def _events(text: str, *, pure: bool) -> Iterator[Any]:
    """The parser's events. Raises YAMLError."""
    if pure or _C_PARSER is None:
        yield from YAML(typ="safe", pure=pure).parse(text)
        return
    # What `YAML.parse` does with it, without a class made anew for each text.
    parser = _C_PARSER(text)
    while (event := parser.get_event()) is not None:
        yield event


def _problem(error: YAMLError) -> str:
    return str(getattr(error, "problem", None) or "it cannot be read")


def _fault(source: Source, start: int, end: int, error: YAMLError) -> Diagnostic:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    context = error.context_mark if isinstance(error, MarkedYAMLError) else None
    return diagnose(
        source,
        _problem(error),
        start,
        start + min(mark.index if mark else 0, end - start),
        start + context.index if context else None,
    )


def _chunks(text: str) -> Iterator[tuple[int, int]]:
    """The stretches between `---` lines, each beginning with its own."""
    starts = [match.start() for match in _DOCUMENT_START.finditer(text)]
    bounds = [0, *starts, len(text)] if not starts or starts[0] != 0 else [*starts, len(text)]
    return pairwise(bounds)


def _blank_directives(chunk: str) -> str:
    """`%YAML 1.2` lines asked for what is read anyway; blanks in their place keep every offset right."""
    return _YAML_DIRECTIVE.sub(lambda match: " " * len(match[0]), chunk) if "%" in chunk else chunk
