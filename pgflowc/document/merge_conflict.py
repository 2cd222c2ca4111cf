"""Marks that a merge left in a file: one fault for each conflict, and of its two sides the first is read."""

from __future__ import annotations

import re

from pgflowc.diagnostics import Code, Diagnostic, Report
from pgflowc.document.source import Source

_CONFLICT = re.compile(
    r"^<{7}(?: [^\n]*)?\n(?P<ours>(?:(?!<{7}|={7}|>{7}|\|{7})[^\n]*\n)*)"
    r"(?:\|{7}(?: [^\n]*)?\n(?:(?!={7}|>{7})[^\n]*\n)*)?"
    r"={7}\r?\n(?:(?!<{7}|>{7})[^\n]*\n)*>{7}(?: [^\n]*)?(?:\n|\Z)",
    re.MULTILINE,
)
_WORD = re.compile(r"\w+")
_MARK = "<<<<<<<"


def without_conflicts(source: Source, code: Code, report: Report) -> tuple[Source, frozenset[str]]:
    """The source with blanks for the marks and the second sides, and all words of conflicts.

    The faults are reported with `code`.
    """
    text = source.text
    pieces: list[str] = []
    words: set[str] = set()
    at = 0
    for conflict in _CONFLICT.finditer(text) if _MARK in text else ():
        place = source.span(conflict.start(), conflict.start() + len(_MARK))
        message = "a merge left both sides of a conflict here"
        help = "keep what is right of both, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>"
        report.add(Diagnostic(code, message, place, help=(help,)))
        words.update(_WORD.findall(conflict[0]))
        above = _blank(text[conflict.start() : conflict.start("ours")])
        below = _blank(text[conflict.end("ours") : conflict.end()])
        pieces += [text[at : conflict.start()], above, conflict["ours"], below]
        at = conflict.end()
    if not pieces:
        return source, frozenset()
    return Source(source.path, "".join([*pieces, text[at:]]), source.odd), frozenset(words)


def _blank(text: str) -> str:
    return "".join(sign if sign in "\r\n" else " " for sign in text)
