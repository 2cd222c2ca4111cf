"""Which `#` begins a comment, and which is a part of a text."""

from __future__ import annotations

import io
import tokenize
from bisect import bisect_right
from collections.abc import Callable, Iterable

from pgflowc.document.model import Document, Mapping, Place, Scalar, Sequence
from pgflowc.document.source import Source


def text_test(documents: Iterable[Document], source: Source) -> Callable[[int, int], bool]:
    """A function of line and column, from 1, that says whether a text of the documents covers the place."""
    stretches = sorted((place.start, place.end) for one in documents for place in _texts(one))
    starts = [start for start, _ in stretches]

    def is_text(line: int, column: int) -> bool:
        offset = source.offset(line, column)
        index = bisect_right(starts, offset) - 1
        return index >= 0 and offset < stretches[index][1]

    return is_text


def python_text_test(text: str) -> Callable[[int, int], bool]:
    """The same for a Python module; in one that is no Python, nothing is a comment."""
    comments: set[tuple[int, int]] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                comments.add((token.start[0], token.start[1] + 1))
    except (tokenize.TokenError, SyntaxError):
        comments.clear()
    return lambda line, column: (line, column) not in comments


def _texts(document: Document) -> Iterable[Place]:
    waiting = [document.root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Scalar):
            yield node
        elif isinstance(node, Sequence):
            waiting.extend(node.items)
        elif isinstance(node, Mapping):
            yield from (entry.key_place for entry in node.entries.values())
            waiting.extend(entry.value for entry in node.entries.values())
