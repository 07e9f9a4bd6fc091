"""An utterance: from an engine's hypotheses to what is told of it."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from lineal_consumers.transcribe.punctuation import punctuated
from lineal_consumers.transcribe.redaction import ShownWord, redacted
from lineal_consumers.transcribe.stabilisation import (
    LEVELS,
    RecognizedWord,
    StableText,
    after_hypothesis,
    after_last,
)
from lineal_schemas.speech import Stability, TranscriptWord


class Utterance(BaseModel):
    """What is kept of an utterance that goes on."""

    model_config = ConfigDict(frozen=True)

    number: int
    channel: int
    first_frame: int
    decoded_samples: int = 0
    """Of its audio, how much the engine has been asked about."""
    text: StableText = StableText()
    shown: tuple[TranscriptWord, ...] = ()
    """In the last partial transcript."""


class FinalText(NamedTuple):
    """An utterance that is over."""

    words: tuple[TranscriptWord, ...]
    text: str
    redacted: dict[str, int]


def with_hypothesis(
    utterance: Utterance,
    hypothesis: tuple[RecognizedWord, ...],
    *,
    offset: float,
    seconds: float,
    stability: Stability,
    redact: bool,
) -> tuple[Utterance, bool]:
    """After another hypothesis; and whether there is anything new to show.

    Args:
        offset: where the utterance begins in the session.
        seconds: how much of it the engine has heard.
    """
    text = after_hypothesis(utterance.text, hypothesis, seconds, LEVELS[stability])
    shown = _words(_shown(text.stable, text.tail, redact, ended=False)[0], offset)
    changed = _unlike(shown, utterance.shown)
    return utterance.model_copy(update={"text": text, "shown": shown}), changed


def final_text(
    utterance: Utterance, hypothesis: tuple[RecognizedWord, ...], *, offset: float, redact: bool
) -> FinalText:
    """What is said of an utterance when it is over."""
    text = after_last(utterance.text, hypothesis)
    shown, kinds = _shown(text.stable, (), redact, ended=True)
    visible = [
        one.word
        for place, one in enumerate(shown)
        if place == 0 or not _is_mask(one.word) or one.word.text != shown[place - 1].word.text
    ]
    return FinalText(_words(shown, offset), punctuated(visible) if visible else "", kinds)


def _shown(
    stable: tuple[RecognizedWord, ...],
    tail: tuple[RecognizedWord, ...],
    redact: bool,
    *,
    ended: bool,
) -> tuple[list[ShownWord], dict[str, int]]:
    if redact:
        words, kinds = redacted(stable, tail, ended=ended)
        return words, dict(sorted(kinds.items()))
    return [
        *(ShownWord(word, True) for word in stable),
        *(ShownWord(word, False) for word in tail),
    ], {}


def _words(shown: list[ShownWord], offset: float) -> tuple[TranscriptWord, ...]:
    return tuple(
        TranscriptWord(
            text=one.word.text,
            start=round(offset + one.word.start, 3),
            end=round(offset + one.word.end, 3),
            confidence=round(one.word.confidence, 4),
            stable=one.stable,
        )
        for one in shown
    )


def _unlike(some: tuple[TranscriptWord, ...], others: tuple[TranscriptWord, ...]) -> bool:
    """Whether the words differ, or which of them are stable; times alone are nothing new."""
    return [(one.text, one.stable) for one in some] != [(one.text, one.stable) for one in others]


def _is_mask(word: RecognizedWord) -> bool:
    return word.text.startswith("[")
