"""YAML text to documents, from the parser's events rather than its nodes.

The text is cut at `---` lines first. What cannot be read in a document is cut out of it, as little as can be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML, main
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.characters import EMPTY_HELP
from pgflowc.document.model import Document, Node
from pgflowc.document.source import Source
from pgflowc.document.yaml_composer import Composer
from pgflowc.document.yaml_cuts import MAX_DEPTH, TOO_DEEP, Cuts
from pgflowc.document.yaml_surrogates import Surrogates

if TYPE_CHECKING:
    from pgflowc.document.yaml_recovery import Failure

# None where there are no binaries of it; `YAML` then takes the pure parser by itself.
_C_PARSER: Any = getattr(main, "CParser", None)
_LONGEST_PURE = 100_000
_NESTING = {"MappingStartEvent": 1, "SequenceStartEvent": 1, "MappingEndEvent": -1, "SequenceEndEvent": -1}
_COST_OF_PURE = 40  # It takes that many times as long.
_DOCUMENT_START = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_ONLY_COMMENTS = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z))*\Z")
_YAML_DIRECTIVE = re.compile(r"^%YAML 1\.[12][ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The text of one document as parsers get it, and where it begins in the source."""

    source: Source
    start: int
    text: str
    surrogates: Surrogates

    @staticmethod
    def of(source: Source, start: int, end: int) -> _Chunk:
        """The document between two offsets; replaced is what parsers need not refuse. No offset moves."""
        text = _blank_directives(source.text[start:end])
        surrogates = Surrogates(text)
        return _Chunk(source, start, surrogates.hidden(text), surrogates)


def parse_yaml(source: Source, report: Report) -> tuple[Document, ...]:
    """All documents of a text, without what could not be read in them; faults are reported."""
    documents: list[Document] = []
    found_fault = False
    for start, end in _chunks(source.text):
        chunk = _Chunk.of(source, start, end)
        if _ONLY_COMMENTS.match(chunk.text.removeprefix("---")):
            continue
        own = Report()
        roots: list[Node] = []
        unread: frozenset[str] = frozenset()
        try:
            roots = _compose(chunk, Cuts(), own)
        except YAMLError:
            found_fault = True
            roots, unread = _recovered(chunk, own, report)
        report.extend(own.sorted())
        documents.extend(Document(source, root, unread) for root in roots)
    if not documents and not found_fault:
        report.add(
            Diagnostic(syntax.EMPTY, "there is no flow in this file", source.span(0, 0), help=(EMPTY_HELP,))
        )
    return tuple(documents)


def _compose(chunk: _Chunk, cuts: Cuts, report: Report) -> list[Node]:
    """The roots of a chunk. Raises YAMLError."""
    for pure in (False, True):
        composer = Composer(chunk.source, chunk.start, chunk.surrogates, cuts)
        try:
            return list(composer.compose(_events(chunk.text, pure=pure)))
        except YAMLError as error:
            if pure or not _is_for_pure(chunk.text, error):
                raise
        finally:
            report.extend(composer.findings())
    raise AssertionError("the second parser returns or raises")


def _recovered(chunk: _Chunk, before: Report, report: Report) -> tuple[list[Node], frozenset[str]]:
    """The roots of a chunk that a parser refused, without what is wrong in it, which is reported; and the
    words of that.

    `before` has what was found until then, which may come of the fault: it is only good if there is no more.
    """
    from pgflowc.document.yaml_recovery import UnrecoverableError, recover

    try:
        rest, cuts = recover(chunk.source, chunk.start, chunk.text, _attempt, report)
        roots = _compose(replace(chunk, text=rest), cuts, report)
    except (YAMLError, UnrecoverableError):
        return [], frozenset()
    before.clear()
    return roots, frozenset(cuts.words)


def _attempt(text: str) -> Failure | None:
    """How the parsers refuse a text, None if one of them takes it."""
    from pgflowc.document.yaml_recovery import Failure

    cost = 0
    for pure in (False, True):
        last = depth = 0
        try:
            for event in _events(text, pure=pure):
                last = event.start_mark.index
                depth += _NESTING.get(type(event).__name__, 0)
                if depth > MAX_DEPTH:
                    return Failure(TOO_DEEP, last, None, last, cost + last)
        except YAMLError as error:
            cost += min(_index(error), len(text)) * (_COST_OF_PURE if pure else 1)
            if pure or not _is_for_pure(text, error):
                context = error.context_mark if isinstance(error, MarkedYAMLError) else None
                return Failure(
                    _problem(error),
                    min(_index(error), len(text)),
                    context.index if context else None,
                    last,
                    cost,
                )
        else:
            return None
    raise AssertionError("the second parser takes the text or refuses it")


def _is_for_pure(text: str, error: YAMLError) -> bool:
    """Whether the pure parser may take what the C parser refused: a colon within a plain text in brackets,
    `{handler: shop.mail:confirm}`, which YAML 1.2 allows. It is too slow for texts that no person wrote.
    """
    return len(text) <= _LONGEST_PURE and "found unexpected ':'" in _problem(error)


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


def _index(error: YAMLError) -> int:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    return mark.index if mark else 0


def _chunks(text: str) -> Iterator[tuple[int, int]]:
    """The stretches between `---` lines, each beginning with its own."""
    starts = [match.start() for match in _DOCUMENT_START.finditer(text)]
    bounds = [0, *starts, len(text)] if not starts or starts[0] != 0 else [*starts, len(text)]
    return pairwise(bounds)


def _blank_directives(chunk: str) -> str:
    """`%YAML 1.2` lines asked for what is read anyway; blanks in their place keep every offset right."""
    return _YAML_DIRECTIVE.sub(lambda match: " " * len(match[0]), chunk) if "%" in chunk else chunk
