"""How much of a question the words of paragraphs have."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from lineal_catalog.meaning.stop_words import STOP_WORDS
from lineal_catalog.search.words import lexemes, searchable

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
    """Texts, and how rare among them the words are that they share with a question."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._stems = [frozenset(stems(text)) for text in texts]
        self._spread = Counter(stem for some in self._stems for stem in some)

    def rarity(self, stem: str) -> float:
        """The inverse document frequency of a stem among the texts."""
        texts, spread = len(self._stems), self._spread[stem]
        return math.log(1 + (texts - spread + 0.5) / (spread + 0.5))

    def shares(self, question: str) -> list[float]:
        """For each text the share of the question's words, by their rarity, that it has: 0 to 1."""
        wanted = [(stem, self.rarity(stem)) for stem in dict.fromkeys(stems(question))]
        total = sum(rarity for _, rarity in wanted)
        if not total:
            return [0.0] * len(self._stems)
        return [
            sum(rarity for stem, rarity in wanted if stem in some) / total for some in self._stems
        ]
