"""How messages show the user's own words, and which word the user may have meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import lru_cache
from heapq import nsmallest

_LONGEST_SHOWN = 60
_LONGEST_COMPARED = 128
_MOST_COMPARED = 16
_MOST_ALIKE = 40
_LEAST_HINTS = 20
_MOST_COMPARISONS = 300_000
# What has fewer candidates than this is remembered: a file of thousands of equal faults asks again and again.
_FEW = 200


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
    known = tuple(candidates)
    return (_near_miss if len(known) < _FEW else _near_miss.__wrapped__)(word, known)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """The help that offers the near miss; "" without one."""
    meant = near_miss(word, candidates)
    return f"did you mean '{meant}'?" if meant else ""


@lru_cache(maxsize=10_000)
def _near_miss(word: str, candidates: tuple[str, ...]) -> str | None:
    folded, letters, length = _shape(word)
    most = 2 + length // 2
    alike: list[tuple[int, str, str]] = []
    for candidate in candidates:
        other, others, width = _shape(candidate)
        # Comparing is slow, so it is left to the few candidates that have almost the same letters.
        strangers = (letters ^ others).bit_count() + abs(width - length)
        if strangers <= most:
            alike.append((strangers, other, candidate))
    by_folded = {other: candidate for _, other, candidate in nsmallest(_MOST_COMPARED, alike)[::-1]}
    found = get_close_matches(folded, by_folded, n=1, cutoff=0.65)
    return by_folded[found[0]] if found else None


def most_hints(candidates: int) -> int:
    """How many words to compare with that many candidates: it takes time for each, and whoever has more
    faults than that needs no more hints.
    """
    return max(_LEAST_HINTS, _MOST_COMPARISONS // (candidates + 1))


def sure_miss(word: str, candidates: Collection[str]) -> str | None:
    """The one candidate that `word` must be a slip of the fingers for; None when there may be another.

    A slip is a letter too many, too few, wrong or swapped with the next: one in words of four letters and
    more, two from seven letters on. Numbers are no letters: `load_1` is no slip for `load_2`.
    """
    if len(word) > _LONGEST_COMPARED:
        return None
    return (_sure_miss if len(candidates) < _FEW else _sure_miss.__wrapped__)(word, tuple(candidates))


@lru_cache(maxsize=10_000)
def _sure_miss(word: str, candidates: tuple[str, ...]) -> str | None:
    folded, letters, length = _shape(word)
    shapes = [(candidate, *_shape(candidate)) for candidate in candidates]
    if same := [candidate for candidate, other, _, _ in shapes if other == folded]:
        return same[0] if len(same) == 1 else None
    allowed = 2 if len(folded) >= 7 else 1 if len(folded) >= 4 else 0
    alike = [
        (candidate, other)
        for candidate, other, others, width in (shapes if allowed else ())
        if abs(width - length) <= 2 and (letters ^ others).bit_count() <= 4
    ]
    if len(alike) > _MOST_ALIKE:
        return None
    near = [(slips, one) for one, other in alike if (slips := _slips(folded, other)) <= 2]
    if len(near) != 1:
        return None
    slips, found = near[0]
    return found if slips <= allowed and _digits(found) == _digits(word) and len(found) >= 3 else None


def _slips(one: str, other: str) -> int:
    """How many letters to insert, delete, change or swap with the next make `other` of `one`; 3 for more."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, last = last, current
        if min(last) > 2:
            return 3
    return min(last[-1], 3)


def _digits(word: str) -> list[str]:
    return [character for character in word if character.isdigit()]


@lru_cache(maxsize=200_000)
def _shape(word: str) -> tuple[str, int, int]:
    """The word as it is compared, the set of its characters, of which some that are not ASCII may count as
    one, and its length.
    """
    folded = word.lower().replace("-", "_")
    letters = 0
    for character in folded:
        letters |= 1 << (ord(character) & 127)
    return folded, letters, len(folded)
