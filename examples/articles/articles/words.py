"""Counting words, and finding the ones that set a text apart from its neighbours (TF-IDF)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import log
from pathlib import Path

WORD = re.compile(r"[^\W\d_]+(?:['’\-\u2011][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?…][\"'”’»)]*(?:\s|$)")
WORDS_PER_MINUTE = 220
SHORTEST_KEYWORD = 4

STOP_WORDS = frozenset((Path(__file__).parent / "stop_words.txt").read_text("utf-8").split())
"""Words that say nothing about a subject, in the languages of the collection."""


@dataclass(frozen=True, slots=True)
class ReadingStats:
    """Counts of one text; `minutes` is the time an adult needs to read it, to a tenth."""

    words: int
    sentences: int
    minutes: Decimal


def reading_stats(text: str) -> ReadingStats:
    """Count words and sentences; a line without a full stop (a heading, an item) is a sentence too."""
    words = len(WORD.findall(text))
    sentences = sum(max(1, len(SENTENCE_END.findall(line))) for line in text.splitlines())
    minutes = (Decimal(words) / WORDS_PER_MINUTE).quantize(Decimal("0.1"))
    return ReadingStats(words=words, sentences=sentences, minutes=minutes)


def keywords(texts: Mapping[str, str], limit: int = 5) -> dict[str, list[str]]:
    """For each text, the words that are frequent in it and rare in the others, best first.

    A word that all texts share scores nothing; ties go by the alphabet, so that every run finds the same.
    """
    counts = {slug: Counter(_candidates(text)) for slug, text in texts.items()}
    spread = Counter(word for counter in counts.values() for word in counter)

    def score(word: str, count: int) -> float:
        return count * log((1 + len(texts)) / (1 + spread[word]))

    return {
        slug: sorted(counter, key=lambda word: (-score(word, counter[word]), word))[:limit]
        for slug, counter in counts.items()
    }


def _candidates(text: str) -> list[str]:
    words = (word.lower() for word in WORD.findall(text))
    return [word for word in words if len(word) >= SHORTEST_KEYWORD and word not in STOP_WORDS]
