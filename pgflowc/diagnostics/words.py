"""How messages show the user's own words, and which word the user may have meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from heapq import nsmallest

_LONGEST_SHOWN = 60
_LONGEST_COMPARED = 128
_MOST_COMPARED = 16


def visible(text: str) -> str:
    """The text with escapes for every character that would break a line, move the cursor or hide."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def quote(text: str) -> str:
    """The text in single quotes for a message: on one line, and cut when it is long."""
    if len(text) > _LONGEST_SHOWN:
        text = text[: _LONGEST_SHOWN - 3] + "..."
    return f"'{visible(text)}'"


def one_of(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {last} {listed[-1]}"


def near_miss(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` looks like, None when none does."""
    if not word or len(word) > _LONGEST_COMPARED:
        return None
    folded, letters = _fold(word), set(_fold(word))
    alike: list[tuple[int, str, str]] = []
    for candidate in candidates:
        other = _fold(candidate)
        # Comparing is slow, so it is left to the few candidates that have almost the same letters.
        strangers = len(letters.symmetric_difference(other)) + abs(len(other) - len(folded))
        if strangers <= 2 + len(folded) // 2:
            alike.append((strangers, other, candidate))
    by_folded = {other: candidate for _, other, candidate in nsmallest(_MOST_COMPARED, alike)[::-1]}
    found = get_close_matches(folded, by_folded, n=1, cutoff=0.65)
    return by_folded[found[0]] if found else None


def _fold(word: str) -> str:
    return word.lower().replace("-", "_")
