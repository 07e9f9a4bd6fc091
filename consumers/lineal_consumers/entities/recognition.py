"""Finds what a document mentions, where on its pages, and how it is meant; runs in a worker."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, cast

from lineal_catalog.polarity.context import ReadSentence
from lineal_catalog.summaries.sentences import DocumentText, LoadedDocument, split_sentences
from lineal_consumers.entities.config import EntitiesConfig
from lineal_consumers.entities.phrases import FoundPhrase, PhraseFinder
from lineal_consumers.entities.vocabulary import Concept, load_vocabulary
from lineal_schemas.entities import Mention, MentionPolarity
from lineal_schemas.results import Box

_HEADING = re.compile(r"^[ \t]*([A-Za-z][A-Za-z /&-]{1,50}):", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n|\f")
_SECTIONS: tuple[tuple[re.Pattern[str], MentionPolarity], ...] = (
    (re.compile(r"\b(?:family (?:medical )?history|fh|fhx|family hx)\b"), "family"),
    (
        re.compile(r"\b(?:past (?:medical|surgical )?.*history|medical history|pmh|pmhx|psh)\b"),
        "historical",
    ),
)
"""What a heading says of all that stands under it, up to the next one or an empty line."""


class Found(NamedTuple):
    """What a document mentions."""

    mentions: tuple[Mention, ...]
    left_out: int
    """Mentions beyond those that are kept."""


def find_mentions(result: bytes, analysis: bytes, config: EntitiesConfig) -> Found:
    """Look for all that a document mentions.

    Args:
        result: the gzipped TextResult.
        analysis: the gzipped Analysis.

    Raises:
        BadVocabulary
    """
    document = LoadedDocument(DocumentText("", "", result, analysis))
    places = [*_finder(config.vocabulary, config.builtin).find(document.text)]
    if config.entities:
        places += _entities(document)
    places.sort(key=lambda place: (place.begin, place.end, place.concept.id))
    sentences = _Sentences(document.text, document.language)
    reading = _Reading(document)
    mentions = []
    for place in places[: config.max_mentions]:
        page, boxes = document.place(place.begin, place.end)
        mentions.append(
            Mention(
                concept=place.concept.id,
                name=place.concept.name,
                kind=place.concept.kind,
                text=" ".join(document.text[place.begin : place.end].split()),
                page=page,
                begin=place.begin,
                end=place.end,
                boxes=tuple(Box(*(round(side, 4) for side in box)) for box in boxes),
                score=round(place.score * reading.confidence(place.begin, place.end), 4),
                polarity=sentences.polarity(place.begin, place.end),
            )
        )
    return Found(tuple(mentions), max(0, len(places) - config.max_mentions))


@lru_cache(maxsize=4)
def _finder(vocabulary: Path | None, builtin: bool) -> PhraseFinder:
    return PhraseFinder(load_vocabulary(vocabulary, builtin))


def _entities(document: LoadedDocument) -> Iterator[FoundPhrase]:
    """What the analysis found. The same value is the same concept, whatever document has it."""
    for entity in document.entities:
        value = " ".join(str(entity.get("value") or entity["text"]).split())
        known = sha256(value.lower().encode()).hexdigest()[:16]
        name = " ".join(entity["text"].split())
        concept = Concept(f"{entity['type']}:{known}", name, entity["type"].lower(), ())
        for begin, end, confidence in entity["occurrences"]:
            if end <= len(document.text):
                yield FoundPhrase(begin, end, concept, min(1.0, max(0.0, confidence)))


class _Sentences:
    """The sentences of a text, read for cues when something stands in them."""

    def __init__(self, text: str, language: str) -> None:
        self._text = text
        self._spans = list(split_sentences(text, language))
        self._begins = [begin for begin, _ in self._spans]
        self._sections = list(_sections(text))
        self._section_begins = [begin for begin, _, _ in self._sections]
        self._read: tuple[int, ReadSentence] | None = None

    def polarity(self, begin: int, end: int) -> tuple[MentionPolarity, ...]:
        held: set[str] = set()
        number = bisect_right(self._begins, begin) - 1
        if number >= 0 and end <= self._spans[number][1]:
            first, last = self._spans[number]
            if self._read is None or self._read[0] != number:
                self._read = number, ReadSentence(self._text[first:last])
            held.update(self._read[1].polarity(begin - first, end - first).names())
        section = bisect_right(self._section_begins, begin) - 1
        if section >= 0 and end <= self._sections[section][1]:
            held.add(self._sections[section][2])
        held.discard("affirmed")
        return cast("tuple[MentionPolarity, ...]", tuple(sorted(held)) or ("affirmed",))


def _sections(text: str) -> Iterator[tuple[int, int, MentionPolarity]]:
    headings = list(_HEADING.finditer(text))
    for number, heading in enumerate(headings):
        words = heading[1].lower()
        said = next((how for pattern, how in _SECTIONS if pattern.search(words)), None)
        if said is None:
            continue
        ends = headings[number + 1].start() if number + 1 < len(headings) else len(text)
        gap = _PARAGRAPH.search(text, heading.end(), ends)
        # A heading may be followed by an empty line; a list under it ends with one.
        if gap is not None and not text[heading.end() : gap.start()].strip():
            gap = _PARAGRAPH.search(text, gap.end(), ends)
        yield heading.end(), ends if gap is None else gap.start(), said


class _Reading:
    """How sure the words of a document were read."""

    def __init__(self, document: LoadedDocument) -> None:
        words: list[Any] = [word for page in document.pages for word in page.get("words") or ()]
        words.sort(key=lambda word: word[0])
        self._words = words
        self._begins = [word[0] for word in words]

    def confidence(self, begin: int, end: int) -> float:
        """The mean confidence of the words at a place, 0 to 1; 1 where nothing was recognised."""
        at = max(0, bisect_right(self._begins, begin) - 1)
        found = []
        while at < len(self._words) and self._words[at][0] < end:
            if self._words[at][1] > begin:
                found.append(float(self._words[at][2]))
            at += 1
        return sum(found) / len(found) if found else 1.0
