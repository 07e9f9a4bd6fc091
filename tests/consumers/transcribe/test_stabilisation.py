"""What is stable never changes again, whatever the engine says afterwards."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.transcribe.stabilisation import LEVELS, RecognizedWord
from lineal_consumers.transcribe.utterance import Utterance, final_text, with_hypothesis
from lineal_schemas.speech import Stability, TranscriptWord

WORDS = st.sampled_from(
    ["the", "my", "name", "is", "john", "one", "two", "four", "and", "double", "uh", "boston"]
)  # fmt: skip


@st.composite
def hypotheses(draw: st.DrawFn) -> list[tuple[RecognizedWord, ...]]:
    """An engine that changes its mind about words and times as it likes, or keeps to it."""
    found: list[tuple[RecognizedWord, ...]] = []
    for _ in range(draw(st.integers(1, 12))):
        kept = draw(st.integers(0, len(found[-1]))) if found else 0
        words = list(found[-1][:kept]) if found else []
        for text in draw(st.lists(WORDS, max_size=5)):
            start = draw(st.floats(0, 6, allow_nan=False))
            end = start + draw(st.floats(0, 2, allow_nan=False))
            words.append(RecognizedWord(text, start, end, draw(st.floats(0, 1))))
        found.append(tuple(words))
    return found


def told(
    spoken: list[tuple[RecognizedWord, ...]], stability: Stability, redact: bool
) -> list[tuple[TranscriptWord, ...]]:
    utterance = Utterance(number=0, channel=0, first_frame=0)
    shown = []
    for number, hypothesis in enumerate(spoken[:-1]):
        utterance, _ = with_hypothesis(
            utterance, hypothesis, offset=3.0, seconds=float(number + 1), stability=stability,
            redact=redact,
        )  # fmt: skip
        shown.append(utterance.shown)
    return [*shown, final_text(utterance, spoken[-1], offset=3.0, redact=redact).words]


@pytest.mark.parametrize("stability", LEVELS)
@given(spoken=hypotheses(), redact=st.booleans())
def test_stable_words_stay_what_and_where_they_are(
    stability: Stability, spoken: list[tuple[RecognizedWord, ...]], redact: bool
) -> None:
    fixed: list[TranscriptWord] = []
    for words in told(spoken, stability, redact):
        stable = [word for word in words if word.stable]
        assert stable == list(words[: len(stable)]), "stable words come first"
        assert stable[: len(fixed)] == fixed
        assert all(a.end <= b.start + 1e-9 for a, b in pairwise(words))
        fixed = stable
    assert all(word.stable for word in words)


def hypothesis_of(text: str, step: float = 0.5) -> tuple[RecognizedWord, ...]:
    return tuple(
        RecognizedWord(word, place * step, (place + 1) * step, 0.9)
        for place, word in enumerate(text.split())
    )


def test_a_higher_level_is_stable_sooner() -> None:
    spoken = [hypothesis_of("to the office in boston before friday"[: 3 * n]) for n in range(3, 13)]
    stable: dict[Any, int] = {
        level: sum(len([w for w in words if w.stable]) for words in told(spoken, level, False)[:-1])
        for level in LEVELS
    }
    assert stable["high"] > stable["medium"] > stable["low"]


def test_a_word_that_is_taken_back_in_time_is_not_stable() -> None:
    spoken = [hypothesis_of(text) for text in ("nice you", "please send", "please send the", "x")]
    first, second, third, _ = told(spoken, "high", False)
    assert [word.stable for word in (*first, *second)] == [False] * 4
    assert [word.text for word in third if word.stable] == ["please", "send"]
