"""How faults show the user's own words, and which word may have been meant.

The compiler's `pgflowc.diagnostics.words` makes the same messages; a test holds the two together.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_LONGEST_SHOWN = 60
_LONGEST_COMPARED = 128
# Comparing is slow, and thousands of faults may each want a hint.
_MOST_COMPARED = 300


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
    """The text in single quotes: on one line, and cut when it is long."""
    if len(text) > _LONGEST_SHOWN:
        text = text[: _LONGEST_SHOWN - 3] + "..."
    return f"'{visible(text)}'"


def one_of(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {last} {listed[-1]}"


def near_miss(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` looks like, None when none does."""
    candidates = list(candidates)
    if not word or len(word) > _LONGEST_COMPARED or len(candidates) > _MOST_COMPARED:
        return None
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in candidates}
    found = get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.65)
    return folded[found[0]] if found else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """The help that offers the near miss; "" without one."""
    meant = near_miss(word, candidates)
    return f"did you mean '{meant}'?" if meant else ""


def got(value: Any) -> str:
    """A value as it is named in a message."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    if isinstance(value, bool | int | float):
        return quote(json.dumps(value))[1:-1]
    return f"a value of type {type(value).__name__}"
