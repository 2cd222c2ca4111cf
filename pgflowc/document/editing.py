"""Fixes that need to know how a text is written: an item of a list to remove, a text to quote."""

from __future__ import annotations

from pgflowc.diagnostics import Fix, replacement
from pgflowc.document.model import Document, Path, Sequence


def without_item(document: Document, path: Path, index: int) -> Fix | None:
    """The fix that removes an item, not the first, from the list at `path` with the comma or dash before it.

    None where that would take a comment along.
    """
    node = document.find(*path)
    if not isinstance(node, Sequence) or not 0 < index < len(node.items):
        return None
    start, item = node.items[index - 1].end, node.items[index]
    if "#" in document.source.text[start : item.start]:
        return None
    return replacement(document.source.span(start, item.end), "")
