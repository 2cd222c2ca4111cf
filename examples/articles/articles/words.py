"""Counting words, and finding the ones that set a text apart from its neighbours (TF-IDF)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import log

WORD = re.compile(r"[^\W\d_]+(?:['’\-\u2011][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?…][\"'”’»)]*(?:\s|$)")
WORDS_PER_MINUTE = 220
SHORTEST_KEYWORD = 4

STOP_WORDS = frozenset(
    """
    about above after again also although always another anybody anything away because been before below between both
    cannot come comes does down each else even every everything from gets give gives good goes have hold holds into
    itself just keep keeps kept knew know known last least left less little long made make makes many means more most
    much nearly need needs never next nobody nothing once only other others over part right same some somebody stand
    such take takes than that their them then there therefore these they thing this those though three through time
    today turns twice twenty under until very want wants well were what when where which while whole will with without
    would your
    aber alle allen alles auch damit dann dass denn dieser diese eine einem einen einer eines etwa fast genau gibt hilft
    ihn immer ist kann langsam macht machen mehr nicht noch nur oder ohne sehr seine sich sind über unter viel vieles
    wenn werden wird zeigt zwei
    aujourd'hui avec cette comme dans elle elles entre était étaient être ils jusqu'à leur mais même moins n'est n'était
    plus pour près que qu'une qui sont sous sur tout trop une vers
    algo alguien antes como cuando cuesta desde ella entre está este esta hasta hora llega más menos mientras otro otra
    para pero porque quien queda quedan sabe siempre sobre tiene tienen todo tras uno volverá
    """.split()
)
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

    A word that all texts share scores nothing; ties go by the alphabet, so the result is the same in every run.
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
