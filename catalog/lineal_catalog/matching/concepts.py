"""What a sentence is about, apart from how it says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from lineal_catalog.meaning.stop_words import STOP_WORDS
from lineal_catalog.polarity.context import Polarity, ReadSentence
from lineal_catalog.polarity.cues import WORDS_OF_ABSENCE
from lineal_catalog.search.words import words

_FRAME = frozenset(
    """patient patients reports reported report presents presented present complains complained
    admission arrival exam examination notes noted finding findings states stated says said
    diagnosed diagnosis suffered suffers suffering yesterday today currently now since
    onset he she him her his hers they we""".split()  # noqa: SIM905
)
"""Words that frame what is said of a patient, and name nothing of it."""
_STEM = 6


class Concept(NamedTuple):
    """A word that a sentence is about, and how it is meant."""

    word: str
    polarity: Polarity

    @property
    def stem(self) -> str:
        return self.word[:_STEM]


class SentenceConcepts:
    """The concepts of a sentence."""

    def __init__(self, text: str) -> None:
        read = ReadSentence(text)
        stretches = list(read.without_cues())
        found = []
        for word in words(text):
            inside = any(first <= word.begin and word.end <= last for first, last in stretches)
            if inside and word.lexeme not in STOP_WORDS and word.lexeme not in _FRAME:
                name = WORDS_OF_ABSENCE.get(word.lexeme, word.lexeme)
                found.append(Concept(name, read.polarity(word.begin, word.end)))
        self.concepts = tuple(found)
        # A sentence of nothing but frame and cues is compared as it stands.
        self.text = " ".join(item.word for item in found) or text

    def polarity(self) -> Polarity:
        """How most of its concepts are meant."""
        meant = Counter(item.polarity for item in self.concepts)
        return meant.most_common(1)[0][0] if meant else Polarity()

    def meanings(self) -> dict[str, Polarity]:
        """How each stem is meant, where it stands first."""
        return {item.stem: item.polarity for item in reversed(self.concepts)}


def polarities(one: SentenceConcepts, other: SentenceConcepts) -> tuple[bool, Polarity]:
    """Whether two sentences mean alike what both speak of, and how the other one means it; where
    they share no word, by what each is about.

    One word that only one of them negates sets them apart ("the wound is infected", "the wound is
    not infected"), and so do two that they negate the other way round.
    """
    ours, theirs = one.meanings(), other.meanings()
    shared = ours.keys() & theirs.keys()
    if not shared:
        meant = other.polarity()
        return one.polarity() == meant, meant
    meant = _any(theirs[stem] for stem in shared)
    agreeing = sum(ours[stem] == theirs[stem] for stem in shared)
    return _any(ours[stem] for stem in shared) == meant and 2 * agreeing >= len(shared), meant


def _any(polarities: Iterable[Polarity]) -> Polarity:
    return Polarity(*map(any, zip(*polarities, strict=True)))
