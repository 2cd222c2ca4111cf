"""The comments of a spec file, and where they stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pgflowc.document import Document
from pgflowc.document.comments import text_test
from pgflowc.document.source import Source

_HASH = re.compile(r"(?<![^\s])#[^\r\n]*")


@dataclass(slots=True)
class Comment:
    """A comment: `alone` on its line, after an empty one if `blank`."""

    offset: int
    text: str
    column: int
    alone: bool
    blank: bool


def comments_in(
    source: Source, stretch: tuple[int, int], is_text: Callable[[int, int], bool]
) -> list[Comment]:
    """The comments between two offsets; `is_text` is the document's `text_test`."""
    found = []
    for match in _HASH.finditer(source.text, *stretch):
        place = source.position(match.start())
        if is_text(place.line, place.column):
            continue
        line_start = source.text.rfind("\n", 0, match.start()) + 1
        alone = not source.text[line_start : match.start()].strip()
        found.append(
            Comment(
                match.start(),
                match[0].rstrip(),
                place.column - 1,
                alone,
                blank_before(source.text, match.start()),
            )
        )
    return found


def all_comments(source: Source, documents: Iterable[Document]) -> list[Comment]:
    """The comments of a file that was parsed into these documents."""
    return comments_in(source, (0, len(source.text)), text_test(documents, source))


def first_lost(before: list[Comment], after: list[Comment]) -> Comment | None:
    """The first comment that is not there as often as before; None if both have the same comments."""
    was, now = (Counter(comment.text for comment in comments) for comments in (before, after))
    if was == now:
        return None
    fewer = (comment for comment in before if now[comment.text] < was[comment.text])
    return next(fewer, (before or after)[-1])


def comment_lines(comments: list[Comment], margin: str, *, first: bool) -> Iterator[str]:
    """Comments on lines of their own; `first` leaves out the empty line before them."""
    for number, comment in enumerate(comments):
        if comment.blank and (number or not first):
            yield ""
        yield margin + comment.text


def blank_before(text: str, offset: int) -> bool:
    """Whether the line above the one of `offset` is empty."""
    line_start = text.rfind("\n", 0, offset) + 1
    above = text.rfind("\n", 0, max(line_start - 1, 0)) + 1
    return line_start > 0 and not text[above : line_start - 1].strip()
