"""Ranks paragraphs by the words they share with a question.

Source: Robertson, Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from lineal_catalog.meaning.stop_words import STOP_WORDS
from lineal_catalog.search.words import lexemes, searchable

_SATURATION, _BY_LENGTH = 1.2, 0.75
_STEM = 6


def content_words(text: str) -> list[str]:
    """The different words of a text that say what it is about, in their order; all of its words
    where there are no such."""
    words = list(dict.fromkeys(lexemes(searchable(text))))
    return [word for word in words if word not in STOP_WORDS] or words


def stems(text: str) -> list[str]:
    """The content words of a text, cut to what inflected forms share, as often as they occur."""
    return [word[:_STEM] for word in lexemes(searchable(text)) if word not in STOP_WORDS]


class WordRanking:
    """Scores for texts, by how rare among them the words are that they share with a question."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(stems(text)) for text in texts]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean = sum(self._lengths) / max(len(texts), 1) or 1.0
        self._spread = Counter(stem for counts in self._counts for stem in counts)

    def rarity(self, stem: str) -> float:
        """The inverse document frequency of a stem among the texts."""
        texts, spread = len(self._counts), self._spread[stem]
        return math.log(1 + (texts - spread + 0.5) / (spread + 0.5))

    def scores(self, question: str) -> list[float]:
        """One score for each text; 0 where no word is shared."""
        wanted = [(stem, self.rarity(stem)) for stem in dict.fromkeys(stems(question))]
        found = []
        for counts, length in zip(self._counts, self._lengths, strict=True):
            norm = _SATURATION * (1 - _BY_LENGTH + _BY_LENGTH * length / self._mean)
            found.append(
                sum(
                    rarity * counts[stem] * (_SATURATION + 1) / (counts[stem] + norm)
                    for stem, rarity in wanted
                    if stem in counts
                )
            )
        return found
