"""Reads a sentence as ConText does: finds cues, and gives each a scope.

A cue speaks of what stands in its direction, up to the end of the sentence or to a term that ends
scopes. Of cues that overlap the longest holds, so that ``family history of`` is no history of the
patient's own, and ``no change`` negates nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from lineal_catalog.polarity.cues import CUES, WORDS_OF_ABSENCE, Cue, Modifier

PolarityName: TypeAlias = Literal["affirmed", "negated", "historical", "family", "uncertain"]
_MODIFIERS: tuple[Modifier, ...] = ("negated", "historical", "family", "uncertain")


class Polarity(NamedTuple):
    """How something that a sentence mentions is meant; all false: it is there, now, of whom the
    text is about."""

    negated: bool = False
    historical: bool = False
    family: bool = False
    uncertain: bool = False

    def names(self) -> tuple[PolarityName, ...]:
        """Those that hold; ``affirmed`` where none does."""
        held = tuple(name for name in _MODIFIERS if getattr(self, name))
        return held or ("affirmed",)


class FoundCue(NamedTuple):
    """A cue in a sentence, with its scope."""

    cue: Cue
    begin: int
    end: int
    scopes: tuple[tuple[int, int], ...]


class ReadSentence:
    """A sentence with its cues."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.cues = tuple(_with_scopes(text, _found(text)))
        self._absent = [
            (match.start(), match.end()) for match in _absence_pattern().finditer(text.lower())
        ]

    def polarity(self, begin: int, end: int) -> Polarity:
        """How what stands at a place is meant."""
        held: set[Modifier] = {
            found.cue.modifier
            for found in self.cues
            if found.cue.modifier is not None
            and any(first <= begin and end <= last for first, last in found.scopes)
        }
        if any(first <= begin and end <= last for first, last in self._absent):
            held ^= {"negated"}
        return Polarity(**dict.fromkeys(held, True))

    def without_cues(self) -> Iterator[tuple[int, int]]:
        """The stretches between cues: what the sentence is about."""
        at = 0
        for found in self.cues:
            if found.cue.modifier is None and not found.cue.ends_scopes:
                continue
            if found.begin > at:
                yield at, found.begin
            at = max(at, found.end)
        if at < len(self.text):
            yield at, len(self.text)


def _found(text: str) -> list[tuple[Cue, int, int]]:
    lower = text.lower()
    candidates = [
        (match.start(), match.end(), cue)
        for token in _TOKEN.finditer(lower)
        for cue in _cues_from(token[0])
        if (match := _pattern(cue.phrase).match(lower, token.start()))
    ]
    candidates.sort(key=lambda item: (item[0] - item[1], item[0]))
    chosen: list[tuple[Cue, int, int]] = []
    for begin, end, cue in candidates:
        if all(end <= first or begin >= last for _, first, last in chosen):
            chosen.append((cue, begin, end))
    return sorted(chosen, key=lambda item: item[1])


def _with_scopes(text: str, found: Sequence[tuple[Cue, int, int]]) -> Iterator[FoundCue]:
    ends = [(begin, end) for cue, begin, end in found if cue.ends_scopes]
    for cue, begin, end in found:
        before = max((last for _, last in ends if last <= begin), default=0)
        after = min((first for first, _ in ends if first >= end), default=len(text))
        scopes = {
            "forward": ((end, after),),
            "backward": ((before, begin),),
            "both": ((before, begin), (end, after)),
            "forward_first": _nearest((end, after), (before, begin), text),
            "backward_first": _nearest((before, begin), (end, after), text),
            "none": (),
        }[cue.direction]
        yield FoundCue(cue, begin, end, scopes if cue.modifier is not None else ())


def _nearest(
    first: tuple[int, int], second: tuple[int, int], text: str
) -> tuple[tuple[int, int], ...]:
    """Of two stretches the first, or the second where the first has no word."""
    return (first if re.search(r"\w", text[slice(*first)]) else second,)


_TOKEN = re.compile(r"\w+|[^\w\s]")
_NUMBERS = (
    *("a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "several", "many"),
)
_PLACES = {
    "#": rf"(?:\d+|a\s+few|a\s+couple\s+of|{'|'.join(_NUMBERS)})",
    "YEAR": r"(?:19|20)\d\d",
    "YEARs": r"(?:19|20)\d0'?s",
    "MONTH": r"(?:january|february|march|april|may|june|july|august|september|october|november|"
    r"december)",
}


_NUMBER = re.compile(r"\d+|" + "|".join(_NUMBERS))


def _cues_from(token: str) -> Sequence[Cue]:
    """The cues that may begin with a word or a sign."""
    cues = _cues_by_first()
    return (*cues.get(token, ()), *(cues["#"] if _NUMBER.fullmatch(token) else ()))


@cache
def _cues_by_first() -> dict[str, list[Cue]]:
    cues: dict[str, list[Cue]] = {"#": []}
    for cue in CUES:
        cues.setdefault(_TOKEN.findall(cue.phrase)[0], []).append(cue)
    return cues


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(_expression(phrase))


def _expression(phrase: str) -> str:
    body = r"\s+".join(_PLACES.get(word, re.escape(word)) for word in phrase.split())
    first = r"(?<![\w/])" if phrase[0].isalnum() else ""
    last = r"(?![\w/])" if phrase[-1].isalnum() else ""
    return first + body + last


@cache
def _absence_pattern() -> re.Pattern[str]:
    words = "|".join(re.escape(word) for word in WORDS_OF_ABSENCE)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")
