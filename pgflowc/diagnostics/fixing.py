"""Fixes: how findings come by them, and how they are made in a text, every other character kept."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Sequence

from pgflowc.diagnostics.lines import Offsets
from pgflowc.diagnostics.model import Diagnostic, Fix, Position, Span, replacement
from pgflowc_language.words import sure_miss


def respelling(span: Span, word: str, candidates: Collection[str]) -> Fix | None:
    """The fix for a word at `span`, quoted or not, that is a slip for one of the candidates; else None."""
    meant = sure_miss(word, candidates)
    return rewording(span, word, meant) if meant else None


def rewording(span: Span, word: str, better: str, *, certain: bool = True) -> Fix | None:
    """The fix that puts `better` for `word` and leaves its quotes; None if `word` is not written as it is."""
    width = span.end.column - span.start.column
    if span.start.line != span.end.line or width not in (len(word), len(word) + 2):
        return None
    quotes = (width - len(word)) // 2
    inner = Span(
        span.path,
        Position(span.start.line, span.start.column + quotes),
        Position(span.end.line, span.end.column - quotes),
    )
    return replacement(inner, better, certain=certain)


def certain_fixes(diagnostics: Iterable[Diagnostic], path: str) -> list[Fix]:
    """The fixes within one file that can be made without asking, in reading order."""
    return [
        found.fix
        for found in diagnostics
        if found.fix and found.fix.certain and all(edit.span.path == path for edit in found.fix.edits)
    ]


def fixed(text: str, fixes: Sequence[Fix]) -> str:
    """`text` with the fixes made; of two that overlap, the first: the other may not be needed any more."""
    offsets = Offsets(text)
    taken: list[tuple[int, int, str]] = []
    for fix in fixes:
        edits = [
            (offsets.character(edit.span.start), offsets.character(edit.span.end), edit.text)
            for edit in fix.edits
        ]
        if all(_is_free(taken, start, end) for start, end, _ in edits):
            for edit in edits:
                insort(taken, edit)
    pieces = []
    at = 0
    for start, end, better in taken:
        pieces += [text[at:start], better]
        at = end
    return "".join([*pieces, text[at:]])


def _is_free(taken: Sequence[tuple[int, int, str]], start: int, end: int) -> bool:
    """Whether the stretch touches none of those taken, which are sorted."""
    index = bisect_left(taken, (start, end, ""))
    before_is_free = index == 0 or taken[index - 1][1] <= start
    after_is_free = index == len(taken) or (end <= taken[index][0] and start < taken[index][0])
    return before_is_free and after_is_free
