"""Splits the text of documents into sentences, each with its place."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import orjson

from lineal_catalog.pages.view import boxes_of_span

MAX_SENTENCES = 3_000
"""Of one question; of more, those of each document that come first, in equal parts."""
_MAX_CHARACTERS = 2_000_000
"""Of one document."""
_MAX_SENTENCE = 600
_MIN_WORDS, _MIN_CHARACTERS = 4, 25
_MIN_LETTERS = 0.6
"""Share of a sentence's visible characters: rows of numbers are none."""
_PARAGRAPH = re.compile(r"\n[ \t]*\n|\f")
_END = re.compile(r"""[.!?…]+(?:["'”’)\]]|\s?»)*(?=\s+(?:["'“„‚(\[]|«\s?)*([\w¿¡]))|[。！？]""")
_WORD = re.compile(r"[^\W\d_]+(?:[’'\-][^\W\d_]+)*")
_BEFORE = re.compile(r"(\w[\w.]*)$")
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st no nos vol fig figs eq ed eds al etc e.g i.e vs inc ltd co corp dept gen
    col sgt capt rev hon jr sr jan feb mar apr jun jul aug sep sept oct nov dec approx est p pp
    z.b d.h u.a u.ä bzw ca evtl ggf inkl zzgl abs art nr str tel usw vgl bspw hr fr frl geb sog
    mio mrd mwst allg bes dipl ing med jur ff hrsg max min
    m mm mme mmes mlle mlles me av bd chap cf env ex hab n° tél réf p.ex c.-à-d éd janv févr avr
    juil déc
    """.split()  # noqa: SIM905 - ninety quoted words would be unreadable
)
"""Of English, German and French, in lower case, without their last dot."""


_ORDINAL_DOTS = frozenset(
    {"de", "da", "no", "nb", "nn", "fi", "is", "cs", "sk", "hu", "pl", "hr", "sl"}
)


class Place(NamedTuple):
    """Where something stands in a document."""

    page: int
    """From 1."""
    boxes: list[list[float]]
    """Left, top, width, height in fractions of the page, one for each line; none where the file has
    no pages of its own."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a document."""

    document: int
    """Index of the document."""
    begin: int
    """Offset in the document's text, as ``end``."""
    end: int
    text: str
    """Without line breaks."""
    stems: tuple[str, ...]
    """Its words without stop words and endings."""
    position: float
    """0 at the begin of the document, 1 at its end."""


class DocumentText(NamedTuple):
    """What a document holds that is summed up."""

    document_id: str
    name: str
    result: bytes
    """The gzipped TextResult."""
    analysis: bytes | None
    """The gzipped Analysis."""


class LoadedDocument:
    """A document's text, with the places of its words."""

    def __init__(self, document: DocumentText) -> None:
        loaded = orjson.loads(gzip.decompress(document.result))
        self.document_id, self.name = document.document_id, document.name
        self.text: str = loaded["text"][:_MAX_CHARACTERS]
        self.pages: list[dict[str, Any]] = loaded["pages"]
        self.language = "und"
        self.entities: list[dict[str, Any]] = []
        if document.analysis is not None:
            analysis = orjson.loads(gzip.decompress(document.analysis))
            self.language, self.entities = analysis["language"], analysis["entities"]

    def place(self, begin: int, end: int) -> Place:
        """Where a span of the text stands."""
        for page in self.pages:
            if begin < page["end"] or page is self.pages[-1]:
                words = page.get("words") or []
                return Place(page["number"], boxes_of_span(words, begin, end) if words else [])
        return Place(1, [])


def split_sentences(text: str, language: str = "und") -> Iterator[tuple[int, int]]:
    """The spans of the sentences of a text, in order. A sentence may go over lines, but not over an
    empty line or the end of a page.

    Args:
        language: ISO 639-1; in some a dot makes a number an ordinal one.
    """
    ordinals = language in _ORDINAL_DOTS
    begin = 0
    for gap in _PARAGRAPH.finditer(text):
        yield from _in_paragraph(text, begin, gap.start(), ordinals)
        begin = gap.end()
    yield from _in_paragraph(text, begin, len(text), ordinals)


def _in_paragraph(text: str, begin: int, end: int, ordinals: bool) -> Iterator[tuple[int, int]]:
    at = begin
    for found in _END.finditer(text, begin, end):
        following = found[1]
        if following is not None and following.islower():
            continue
        if not _is_end(text, at, found.start(), ordinals):
            continue
        yield from _trimmed(text, at, found.end())
        at = found.end()
    yield from _trimmed(text, at, end)


def _is_end(text: str, begin: int, dot: int, ordinals: bool) -> bool:
    if text[dot] != ".":
        return True
    before = _BEFORE.search(text, max(begin, dot - 20), dot)
    if before is None:
        return True
    word = before[1].lower()
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()):
        return False
    return not (ordinals and word.isdigit() and len(word) <= 2)


def _trimmed(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    if begin < end:
        yield begin, min(end, begin + _MAX_SENTENCE)


def find_sentences(documents: Sequence[LoadedDocument]) -> list[Sentence]:
    """The sentences of documents that say something by themselves: no headings, no rows of numbers,
    none twice."""
    quota = max(MAX_SENTENCES // max(len(documents), 1), 20)
    found: list[Sentence] = []
    seen: set[str] = set()
    for index, document in enumerate(documents):
        kept = 0
        for begin, end in split_sentences(document.text, document.language):
            if kept >= quota or len(found) >= MAX_SENTENCES:
                break
            text = " ".join(document.text[begin:end].split())
            if not _says_something(text):
                continue
            stems = stems_of(text, document.language)
            if not stems or text in seen:
                continue
            seen.add(text)
            position = begin / max(len(document.text), 1)
            found.append(Sentence(index, begin, end, text, stems, position))
            kept += 1
    return found


def _says_something(text: str) -> bool:
    visible = [character for character in text if not character.isspace()]
    letters = sum(character.isalpha() for character in visible)
    if letters < _MIN_LETTERS * len(visible) or len(text) < _MIN_CHARACTERS:
        return False
    return len(_WORD.findall(text)) >= _MIN_WORDS


def stems_of(text: str, language: str) -> tuple[str, ...]:
    """The words of a text that carry meaning, cut to what their inflected forms share."""
    stop = _stop_words(language)
    return tuple(
        stem(word) for word in (found.lower() for found in _WORD.findall(text))
        if len(word) > 2 and word not in stop
    )  # fmt: skip


def words_of(text: str) -> list[str]:
    """The words of a text, without numbers."""
    return _WORD.findall(text)


def stem(word: str) -> str:
    """The first letters of a word: in European languages, inflection is at the end.

    Source: McNamee, Mayfield, "Character N-Gram Tokenization for European Language Text Retrieval",
    Information Retrieval 7 (2004): truncation does about as well as rules for each language.
    """
    return word[:6]


@cache
def _stop_words(language: str) -> frozenset[str]:
    from stop_words import StopWordError, get_stop_words  # type: ignore[import-untyped]

    try:
        return frozenset(word.lower() for word in get_stop_words(language))
    except StopWordError:
        return frozenset(word.lower() for word in get_stop_words("en"))
