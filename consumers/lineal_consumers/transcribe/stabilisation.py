"""Stabilisation: of changing hypotheses, the words that will not change any more.

A word is stable when several hypotheses in a row agree on it and on all words before it
(LocalAgreement: Liu, Spanakis and Niehues, Interspeech 2020), and the audio has gone on for a
while. What is stable is fixed: of later hypotheses only what comes after it is looked at.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from lineal_schemas.speech import Stability


class RecognizedWord(NamedTuple):
    """A word as an engine understands it. Times are seconds from the beginning of its audio."""

    text: str
    start: float
    end: float
    confidence: float
    punctuated: str = ""
    """The same with capitals and punctuation, of engines that write them."""
    open: bool = False
    """It may yet become part of another word, and is not stable so long."""


class Level(NamedTuple):
    """When a word is stable."""

    agreements: int
    """Hypotheses in a row that have it."""
    lag_seconds: float
    """How long ago it ended."""


LEVELS: dict[Stability, Level] = {
    "high": Level(2, 0.25),
    "medium": Level(3, 0.6),
    "low": Level(5, 1.2),
}


class Candidate(BaseModel):
    """A word that is not stable yet."""

    model_config = ConfigDict(frozen=True)

    word: RecognizedWord
    agreements: int


class StableText(BaseModel):
    """The words of an utterance: first those that are stable, then the others."""

    model_config = ConfigDict(frozen=True)

    stable: tuple[RecognizedWord, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def tail(self) -> tuple[RecognizedWord, ...]:
        return tuple(candidate.word for candidate in self.candidates)


def after_hypothesis(
    text: StableText, hypothesis: tuple[RecognizedWord, ...], now: float, level: Level
) -> StableText:
    """After another hypothesis of the same audio and more.

    Args:
        now: the end of the audio that it is of.
    """
    rest = _after_stable(text.stable, hypothesis)
    agreements, still = [], True
    for place, word in enumerate(rest):
        known = text.candidates[place] if place < len(text.candidates) else None
        still = still and known is not None and known.word.text == word.text
        agreements.append(1 + (known.agreements if still and known is not None else 0))
    count = 0
    while (
        count < len(rest)
        and agreements[count] >= level.agreements
        and rest[count].end <= now - level.lag_seconds
        and not rest[count].open
    ):
        count += 1
    return StableText(
        stable=(*text.stable, *rest[:count]),
        candidates=tuple(
            Candidate(word=word, agreements=seen)
            for word, seen in zip(rest[count:], agreements[count:], strict=True)
        ),
    )


def after_last(text: StableText, hypothesis: tuple[RecognizedWord, ...]) -> StableText:
    """After the last hypothesis: every word is stable."""
    return StableText(stable=(*text.stable, *_after_stable(text.stable, hypothesis)))


def _after_stable(
    stable: tuple[RecognizedWord, ...], hypothesis: tuple[RecognizedWord, ...]
) -> tuple[RecognizedWord, ...]:
    """The words of a hypothesis that come after what is stable: by their number where it begins
    with the stable words, else by their times. Times never go back."""
    if not stable:
        return _in_order(hypothesis, 0.0)
    last = stable[-1]
    texts = [word.text for word in hypothesis]
    if texts[: len(stable)] == [word.text for word in stable]:
        return _in_order(hypothesis[len(stable) :], last.end)
    rest = [word for word in hypothesis if (word.start + word.end) / 2 > last.end]
    if rest and rest[0].text == last.text and rest[0].start < last.end:
        rest = rest[1:]  # the last stable word, which now seems to end a little later
    return _in_order(tuple(rest), last.end)


def _in_order(words: tuple[RecognizedWord, ...], start: float) -> tuple[RecognizedWord, ...]:
    placed = []
    for word in words:
        begin = max(word.start, start)
        start = max(word.end, begin)
        placed.append(word._replace(start=begin, end=start))
    return tuple(placed)
