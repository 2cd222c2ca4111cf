"""`# pgflowc: ignore[PGF309] reason`: comments that say of a warning that it does not matter in this place.

A comment at the end of a line is about that line; one on a line of its own, about the next line that holds
more than a comment. Errors cannot be ignored, but for breaking changes. What is wrong with the comment itself
is reported, except in files with errors, where checks may not have come so far as to find what is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pgflowc.diagnostics import codes
from pgflowc.diagnostics.codes import ignores as faults
from pgflowc.diagnostics.lines import lines_of
from pgflowc.diagnostics.model import (
    Code,
    Diagnostic,
    Edit,
    Fix,
    Position,
    Severity,
    Span,
    replacement,
)
from pgflowc_language.words import quote

MARK = "pgflowc:"
"""What every such comment holds: a text without it needs no search."""

_COMMENT = re.compile(r"#[ \t]*pgflowc:[ \t]*(?P<rest>.*)$")
_IGNORE = re.compile(r"ignore[ \t]*\[(?P<codes>[^\]]*)\](?P<reason>.*)$")
_WORD = re.compile(r"[^\s,]+")
_NO_CONTENT = re.compile(r"[ \t]*(?:#.*)?$")
_FORM = "write: # pgflowc: ignore[PGF405] the reason"


@dataclass(frozen=True, slots=True)
class Ignore:
    """A code in a comment: `line` is the one whose findings it is about, `removal` deletes the comment."""

    id: str
    span: Span
    line: int
    removal: Fix


def scan(path: str, text: str, is_text: Callable[[int, int], bool]) -> tuple[list[Ignore], list[Diagnostic]]:
    """The ignore comments of a file, and what is wrong with them.

    `is_text(line, column)`, both from 1, says whether the `#` there belongs to a text and begins no comment.
    """
    if MARK not in text:
        return [], []
    found: list[Ignore] = []
    report: list[Diagnostic] = []
    lines = lines_of(text)
    following = _next_contents(lines)
    for number, line in enumerate(lines, 1):
        for sign in re.finditer("#", line) if MARK in line else ():
            match = _COMMENT.match(line, sign.start())
            if match is None or is_text(number, sign.start() + 1):
                continue
            target = number if line[: sign.start()].strip() else following[number - 1]
            comment = _Comment(path, number, target, line, match)
            found.extend(comment.ignores(report))
            break
    return found, report


def apply(
    found: Sequence[Diagnostic], ignores: Sequence[Ignore], concerns: Callable[[Code], bool]
) -> Iterator[Diagnostic]:
    """The findings that are not ignored, and the comments that ignore nothing.

    `concerns` says which codes were looked for: only comments with those are applied and judged.
    """
    by_place: dict[tuple[str, int, str], list[Ignore]] = {}
    for ignore in ignores:
        code = codes.find(ignore.id)
        if code is not None and code.ignorable and concerns(code):
            by_place.setdefault((ignore.span.path, ignore.line, code.id), []).append(ignore)
    used: set[tuple[str, int, str]] = set()
    for diagnostic in found:
        span = diagnostic.span
        place = (span.path, span.start.line, diagnostic.code.id) if span else None
        if place in by_place and diagnostic.code.ignorable:
            used.add(place)
        else:
            yield diagnostic
    broken = {one.span.path for one in found if one.span and one.severity is Severity.ERROR}
    for place, unused in by_place.items():
        if place not in used and place[0] not in broken:
            yield from (_unused(ignore) for ignore in unused)


class _Comment:
    """One comment: `match` is that of `_COMMENT` in its line."""

    def __init__(self, path: str, number: int, target: int, line: str, match: re.Match[str]) -> None:
        self._path = path
        self._number = number
        self._target = target
        self._line = line
        self._match = match

    def ignores(self, report: list[Diagnostic]) -> Iterator[Ignore]:
        """What it asks for, as far as it can be read; faults are added to `report`."""
        written = _IGNORE.match(self._line, self._match.start("rest"))
        if written is None or not written["codes"].strip(" \t,"):
            span = self._span(self._match.start(), len(self._line.rstrip()))
            report.append(Diagnostic(faults.MALFORMED, "this comment cannot be read", span, help=(_FORM,)))
            return
        words = list(_WORD.finditer(self._line, written.start("codes"), written.end("codes")))
        for word in words:
            span = self._span(word.start(), word.end())
            code = codes.find(word[0])
            if code is None:
                help = "`pgflowc explain` lists all codes"
                report.append(
                    Diagnostic(faults.UNKNOWN_CODE, f"there is no code {quote(word[0])}", span, help=(help,))
                )
            elif not code.ignorable or code in vars(faults).values():
                report.append(
                    Diagnostic(
                        faults.NOT_IGNORABLE,
                        f"{code.id} cannot be ignored" + (": it is an error" if not code.ignorable else ""),
                        span,
                        help=("remove the code, and correct what it is about",),
                    )
                )
            else:
                yield Ignore(code.id, span, self._target, self._removal(words, word))
        if not written["reason"].strip(" \t:-"):
            bracket = written.end("codes")
            report.append(
                Diagnostic(
                    faults.NO_REASON,
                    "this comment gives no reason",
                    self._span(bracket, bracket + 1),
                    label="why does the warning not matter here?",
                )
            )

    def _removal(self, words: list[re.Match[str]], word: re.Match[str]) -> Fix:
        """Deletes the comment, its whole line if nothing else is on it; of several codes, only this one."""
        if len(words) > 1:
            index = words.index(word)
            start = words[index - 1].end() if index else word.start()
            end = word.end() if index else words[1].start()
            return replacement(self._span(start, end), "")
        before = self._line[: self._match.start()].rstrip(" \t")
        if before:
            return replacement(self._span(len(before), len(self._line)), "")
        whole = Span(self._path, Position(self._number, 1), Position(self._number + 1, 1))
        return Fix((Edit(whole, ""),), certain=True)

    def _span(self, start: int, end: int) -> Span:
        return Span(self._path, Position(self._number, start + 1), Position(self._number, end + 1))


def _unused(ignore: Ignore) -> Diagnostic:
    return Diagnostic(
        faults.UNUSED,
        f"there is no {ignore.id} to ignore in line {ignore.line}",
        ignore.span,
        help=("remove it, or move it to the line of the finding",),
        fix=ignore.removal,
    )


def _next_contents(lines: Sequence[str]) -> list[int]:
    """For each line the number of the next one that holds more than a comment; its own when there is none."""
    numbers: list[int] = []
    content = 0
    for number in range(len(lines), 0, -1):
        numbers.append(content or number)
        if not _NO_CONTENT.match(lines[number - 1]):
            content = number
    return numbers[::-1]
