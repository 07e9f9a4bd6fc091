"""Finds the phrases of a vocabulary in a text, the longest first, in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lineal_consumers.entities.vocabulary import Concept, Vocabulary

_WORD = re.compile(r"[^\W_]+")
_SHORT = 3
"""An abbreviation of so few letters may well stand for something else."""
_EXACT, _INFLECTED, _ABBREVIATED, _AMBIGUOUS = 1.0, 0.95, 0.85, 0.5


class FoundPhrase(NamedTuple):
    """A place that names a concept."""

    begin: int
    end: int
    concept: Concept
    score: float
    """From 1 (its name or a synonym, letter by letter) down to 0.5 (an abbreviation that may stand
    for several concepts)."""


class _Entry(NamedTuple):
    concept: Concept
    surface: str
    abbreviation: bool


class PhraseFinder:
    """Looks for all phrases of a vocabulary at once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._entries: dict[tuple[str, ...], list[_Entry]] = {}
        self._longest: dict[str, int] = {}
        for concept in vocabulary.concepts:
            for phrase in (concept.name, *concept.synonyms):
                key = tuple(_stem(word) for word in _WORD.findall(phrase.lower()))
                if not key:
                    continue
                short = phrase.isupper() and len(key) == 1
                entry = _Entry(concept, " ".join(_WORD.findall(phrase.lower())), short)
                there = self._entries.setdefault(key, [])
                if all(other.concept.id != concept.id for other in there):
                    there.append(entry)
                self._longest[key[0]] = max(self._longest.get(key[0], 0), len(key))

    def find(self, text: str) -> Iterator[FoundPhrase]:
        """The places that name concepts, in their order; an ambiguous one once for each."""
        words = [(found.start(), found.end()) for found in _WORD.finditer(text)]
        stems = [_stem(text[begin:end].lower()) for begin, end in words]
        at = 0
        while at < len(words):
            length = next(self._matching(text, words, stems, at), 0)
            if not length:
                at += 1
                continue
            begin, end = words[at][0], words[at + length - 1][1]
            entries = self._entries[tuple(stems[at : at + length])]
            surface = " ".join(_WORD.findall(text[begin:end].lower()))
            for entry in entries:
                yield FoundPhrase(begin, end, entry.concept, _score(entry, surface, len(entries)))
            at += length

    def _matching(
        self, text: str, words: list[tuple[int, int]], stems: list[str], at: int
    ) -> Iterator[int]:
        for length in range(self._longest.get(stems[at], 0), 0, -1):
            entries = self._entries.get(tuple(stems[at : at + length]))
            if entries is None or at + length > len(words):
                continue
            begin, end = words[at][0], words[at + length - 1][1]
            # "a-fib" and "chest  pain" are one phrase, "chest. Pain" and "chest\fpain" are not.
            between = "".join(
                text[words[number][1] : words[number + 1][0]]
                for number in range(at, at + length - 1)
            )
            if re.search(r"[^\s\-/'’]|\f|\n\s*\n", between):
                continue
            if all(entry.abbreviation for entry in entries) and not text[begin:end].isupper():
                continue
            yield length


def _score(entry: _Entry, surface: str, concepts: int) -> float:
    if concepts > 1:
        return _AMBIGUOUS
    if entry.abbreviation and len(surface) <= _SHORT:
        return _ABBREVIATED
    return _EXACT if surface == entry.surface else _INFLECTED


def _stem(word: str) -> str:
    """A word without the ending of its plural."""
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
