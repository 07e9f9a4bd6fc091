"""Finds the places to redact, in a document's text and on its pages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from lineal_schemas.documents import DocumentRedactionRequested
from lineal_schemas.results import Analysis, Box, Page, TextResult, Word

_UNSEEN_ONE = "[\u00ad\u034f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]"
_UNSEEN = f"{_UNSEEN_ONE}*[\u0300-\u036f]*{_UNSEEN_ONE}*"
"""What may stand between two letters, or after one, without being seen as a letter of its own."""
_DIVIDED = r"(?:[-\u2010][ \t]*\r?\n[ \t]*)?"
_TO_WIDE = 0xFEE0
_MIN_NEAR = 5
_LONG_NUMBER = 6
"""Digits of a number that is found also where letters touch it."""
_MIN_SPREAD = 3
"""Letters and digits from which a text is redacted wherever else it occurs."""


class Span(NamedTuple):
    """A part of the text that is to go."""

    begin: int
    end: int
    what: str
    """The type of an entity, ``FIELD`` or ``TEXT``."""


class Places(NamedTuple):
    """Everything that is to go."""

    spans: tuple[Span, ...]
    boxes: dict[int, list[Box]]
    """By page number: where nobody looked for text."""
    terms: tuple[str, ...]
    """Texts that may be found nowhere in the copy."""


def find_places(
    wanted: DocumentRedactionRequested, result: TextResult, analysis: Analysis | None
) -> Places:
    """The places that a request names, and all other occurrences of the same texts."""
    text = result.text
    spans = set(_entities(wanted, analysis)) if analysis is not None else set()
    for phrase in wanted.words:
        spans |= {Span(*found, "TEXT") for found in occurrences(text, phrase)}
    boxes: dict[int, list[Box]] = {}
    for page in result.pages:
        for span, box in _fields(wanted.fields, page, text):
            if span is not None:
                spans.add(span)
            if box is not None:
                boxes.setdefault(page.number, []).append(box)
    for each in wanted.boxes:
        boxes.setdefault(each.page, []).append(Box(each.left, each.top, each.width, each.height))
    terms = dict.fromkeys([*wanted.words, *(text[span.begin : span.end] for span in sorted(spans))])
    kept = tuple(term for term in terms if sum(map(str.isalnum, term)) >= _MIN_SPREAD)
    kinds = {text[span.begin : span.end].casefold(): span.what for span in spans}
    for term in kept:
        what = kinds.get(term.casefold(), "TEXT")
        spans |= {Span(*found, what) for found in occurrences(text, term)}
    return Places(_merged(spans), boxes, kept)


def occurrences(text: str, phrase: str) -> Iterator[tuple[int, int]]:
    """Where a phrase stands as whole words, whatever its case and what is between its words."""
    pattern = term_pattern(phrase)
    if pattern is not None:
        for found in pattern.finditer(text):
            yield found.span()


def term_pattern(phrase: str) -> re.Pattern[str] | None:
    """What finds a phrase, also as ``maria.gonzalez``; None for one without a letter or digit."""
    wanted = tokens(phrase)
    if not wanted:
        return None
    # On a scan a long number is read in one with the word before it: tel0117 496 0123.
    inside = r"\d" if _is_long_number(wanted) else r"[^\W_]"
    words = r"[\W_]+".join(_spelt(word) for word in wanted)
    return re.compile(f"(?<!{inside}){words}(?!{inside}){_UNSEEN}", re.IGNORECASE)


def _is_long_number(words: Sequence[str]) -> bool:
    digits = sum(letter.isdigit() for word in words for letter in word)
    return digits >= _LONG_NUMBER and words[0][0].isdigit() and words[-1][-1].isdigit()


def _spelt(word: str) -> str:
    """A pattern of a word however it is written: with letters of two characters, wide letters,
    characters that nobody sees, or divided at the end of a line."""
    letters = []
    for letter in re.findall("ss|.", word):
        forms = {letter, unicodedata.normalize("NFD", letter)}
        if letter == "ss":
            forms |= {"\N{LATIN SMALL LETTER SHARP S}"}
        elif "!" <= letter <= "~":
            forms |= {chr(ord(letter) + _TO_WIDE), chr(ord(letter.upper()) + _TO_WIDE)}
        letters.append(f"(?:{'|'.join(re.escape(form) for form in sorted(forms))})")
    return (_UNSEEN + _DIVIDED).join(letters)


def words_in(page: Page, spans: Iterable[Span]) -> list[Word]:
    """The words of a page that are touched by a span, whole."""
    here = [span for span in spans if span.begin < page.end and span.end > page.begin]
    return [
        word
        for word in page.words
        if any(word.begin < span.end and word.end > span.begin for span in here)
    ]


def tokens(text: str) -> list[str]:
    """Words of letters and digits, as they are compared after a copy was read again."""
    plain = unicodedata.normalize(
        "NFKC", re.sub(_UNSEEN_ONE, "", unicodedata.normalize("NFC", text))
    )
    return re.findall(r"[^\W_]+", plain.casefold())


def undivided(text: str) -> str:
    """A text whose words are whole that are divided at the ends of lines."""
    return re.sub(r"(?<=\w)[-\u2010]\s*\n\s*(?=\w)", "", text)


def left_over(terms: Iterable[str], found: list[str]) -> list[tuple[int, int]]:
    """Where a term is still among tokens: their first and last index, exclusively; also where it is
    written with spaces between its letters."""
    places = []
    for term in terms:
        wanted = tokens(term)
        if not wanted:
            continue
        places += [
            (at, at + len(wanted))
            for at in range(len(found) - len(wanted) + 1)
            if found[at] == wanted[0] and found[at : at + len(wanted)] == wanted
        ]
        if _is_long_number(wanted):
            places += [
                (at, at + len(wanted))
                for at in range(len(found) - len(wanted) + 1)
                if found[at : at + len(wanted)] != wanted
                and _is_within(wanted, found[at : at + len(wanted)])
            ]
        joined = "".join(wanted)
        # Letters that stand one above the other are read from the top, whichever way they go.
        places += [*_spaced(joined, found), *_spaced(joined[::-1], found)]
    return places


def _is_within(number: Sequence[str], found: Sequence[str]) -> bool:
    """Whether a number stands in tokens of which the outer ones have letters as well."""
    text, wanted = " ".join(found), " ".join(number)
    at = text.find(wanted)
    around = (text[:at], text[at + len(wanted) :])
    return at >= 0 and not (around[0][-1:].isdigit() or around[1][:1].isdigit())


def is_near(one: str, other: str) -> bool:
    """Whether two words of five letters or more differ by one at most."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _MIN_NEAR or len(longer) - len(shorter) > 1:
        return one == other
    pairs = enumerate(zip(shorter, longer, strict=False))
    same = next((at for at, (a, b) in pairs if a != b), len(shorter))
    rest = longer[same + 1 :]
    return rest == (shorter[same + 1 :] if len(shorter) == len(longer) else shorter[same:])


def _spaced(letters: str, found: list[str]) -> Iterator[tuple[int, int]]:
    """Where single letters one after another are a term."""
    for at, first in enumerate(found):
        if len(first) > 1 or not letters.startswith(first):
            continue
        end, joined = at, ""
        while end < len(found) and len(found[end]) == 1 and len(joined) < len(letters):
            joined += found[end]
            end += 1
        if joined == letters and end - at >= _MIN_SPREAD:
            yield at, end


def _entities(wanted: DocumentRedactionRequested, analysis: Analysis) -> Iterator[Span]:
    for entity in analysis.entities:
        if (wanted.personal and entity.personal) or entity.type in wanted.types:
            for place in entity.occurrences:
                yield Span(place.begin, place.end, entity.type)


def _fields(
    names: tuple[str, ...], page: Page, text: str
) -> Iterator[tuple[Span | None, Box | None]]:
    for item in page.key_values:
        key = item.key.strip().rstrip(":").casefold()
        if not any(fnmatchcase(key, name.casefold()) for name in names):
            continue
        if item.value_box is not None:
            inside = [word for word in page.words if _within(word, item.value_box)]
            for word in inside:
                yield Span(word.begin, word.end, "FIELD"), None
            yield None, item.value_box
        else:
            for begin, end in occurrences(text[page.begin : page.end], item.value):
                yield Span(page.begin + begin, page.begin + end, "FIELD"), None


def _within(word: Word, box: Box) -> bool:
    across, down = word.left + word.width / 2, word.top + word.height / 2
    return box.left <= across <= box.left + box.width and box.top <= down <= box.top + box.height


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.begin, -each.end)):
        if merged and span.begin < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)
