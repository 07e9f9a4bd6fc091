"""Sessions: chunks in any order and more than once, gaps, channels, and what is told of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.testing import StageHarness
from lineal_consumers.transcribe.chunk_order import ChunkOrder
from lineal_consumers.transcribe.config import TranscribeConfig
from lineal_consumers.transcribe.stage import transcribe
from lineal_schemas.speech import (
    AudioChunk,
    SpeechOptions,
    TranscriptEnded,
    TranscriptFinal,
    TranscriptPartial,
)
from tests.consumers.transcribe.speech import needs_espeak, samples_of, silence

CHUNK = 8000


def chunks_of(
    samples: np.ndarray, session: str = "s", options: SpeechOptions | None = None
) -> list[AudioChunk]:
    """(samples,) or (samples, channels) in chunks of half a second."""
    frames = samples.reshape(len(samples), -1)
    count = -(-len(frames) // CHUNK)
    return [
        AudioChunk(
            session_id=session,
            sequence=number,
            first_sample=number * CHUNK,
            sample_rate=16000,
            channels=frames.shape[1],
            audio=frames[number * CHUNK : (number + 1) * CHUNK].astype("<i2").tobytes(),
            last=number == count - 1,
            options=options or SpeechOptions(),
        )
        for number in range(count)
    ]


def conversation() -> np.ndarray:
    return np.concatenate(
        [
            samples_of("the weather is very nice today"),
            silence(1),
            samples_of("seven"),
        ]
    )


async def finals(harness: StageHarness) -> list[TranscriptFinal]:
    assert harness.dead_letters == []
    return harness.outputs(TranscriptFinal)


@needs_espeak
async def test_utterances_are_told_while_they_go_on_and_when_they_are_over() -> None:
    async with StageHarness(transcribe) as harness:
        for chunk in chunks_of(conversation()):
            await harness.send(chunk)
        first, second = await finals(harness)
        partials = harness.outputs(TranscriptPartial)
        (ended,) = harness.outputs(TranscriptEnded)
        numbers = [*(one.number for one in partials), first.number, second.number, ended.number]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert "weather" in first.text.lower()
        assert first.text[0].isupper()
        assert first.text.endswith((".", "?"))
        assert first.engine == "pocketsphinx 5.1.1"
        assert first.end <= second.start + 0.3
        assert all(0 <= word.confidence <= 1 for word in first.words)
        assert ended.reason == "last"
        for one in partials:
            final = (first, second)[one.utterance]
            stable = [word for word in one.words if word.stable]
            assert list(final.words[: len(stable)]) == stable
        builds = [record.build for record in harness.records if record.build is not None]
        names = {artifact.name for build in builds for artifact in build.artifacts}
        assert "pocketsphinx/en-us" in names


@needs_espeak
async def test_chunks_that_come_twice_or_in_another_order_make_the_same_transcript() -> None:
    audio = chunks_of(conversation())
    async with StageHarness(transcribe) as harness:
        for chunk in audio:
            await harness.send(chunk)
        expected = [(one.words, one.text) for one in await finals(harness)]
    mixed = [audio[1], audio[0], audio[0], *audio[4:1:-1], audio[2], *audio[5:]]
    async with StageHarness(transcribe) as harness:
        for chunk in mixed:
            await harness.send(chunk)
        assert [(one.words, one.text) for one in await finals(harness)] == expected
        skipped = [record for record in harness.records if record.outcome == "skipped"]
        assert len(skipped) == 2


@needs_espeak
async def test_what_never_comes_is_a_gap_and_times_stay_right() -> None:
    audio = chunks_of(np.concatenate([silence(2), samples_of("in boston"), silence(1)]))
    async with StageHarness(transcribe, config=TranscribeConfig(gap_seconds=4)) as harness:
        for chunk in [audio[0], *audio[2:]]:
            await harness.send(chunk)
        assert await finals(harness) == []
        await harness.clock.advance(5)
        (final,) = await finals(harness)
        assert final.start > 1.5
        (ended,) = harness.outputs(TranscriptEnded)
        assert [(gap.start, gap.end) for gap in ended.gaps] == [(0.5, 1.0)]


@needs_espeak
async def test_a_session_that_falls_silent_ends_and_what_was_said_is_told() -> None:
    *audio, _ = chunks_of(np.concatenate([samples_of("in boston"), silence(0.2)]))
    async with StageHarness(transcribe, config=TranscribeConfig(idle_seconds=60)) as harness:
        for chunk in audio:
            await harness.send(chunk)
        assert harness.outputs(TranscriptEnded) == []
        await harness.clock.advance(61)
        (ended,) = harness.outputs(TranscriptEnded)
        assert ended.reason == "silent"
        assert len(await finals(harness)) == 1


@needs_espeak
async def test_each_channel_is_a_speaker_of_its_own() -> None:
    one, other = samples_of("the morning"), samples_of("in boston")
    length = len(one) + len(other)
    both = np.zeros((length, 2), dtype=np.int16)
    both[: len(one), 0], both[len(one) :, 1] = one, other
    named = SpeechOptions(speakers=("ann",))
    async with StageHarness(transcribe) as harness:
        for chunk in chunks_of(both, options=named):
            await harness.send(chunk)
        found = {one.speaker: one.text.lower() for one in await finals(harness)}
        assert set(found) == {"ann", "speaker 2"}
        assert all(found.values())


async def test_other_audio_in_the_same_session_is_refused() -> None:
    first, second, *_ = chunks_of(silence(2))
    async with StageHarness(transcribe) as harness:
        await harness.send(first)
        await harness.send(second.model_copy(update={"sample_rate": 8000}))
        assert "begin another one" in harness.dead_letters[0].message


@settings(max_examples=100)
@given(st.lists(st.integers(0, 9), max_size=60))
def test_each_chunk_has_its_turn_once_and_none_before_its_predecessor(sent: list[int]) -> None:
    order, handled = ChunkOrder(), []
    for sequence in sent:
        arrival = order.arrival(sequence)
        if arrival == "next":
            order, ready = order.with_next().released()
            handled += [sequence, *ready]
        elif arrival == "early":
            order = order.with_early(sequence)
    assert handled == list(range(len(handled)))
    whole = next(n for n in range(11) if n not in sent)
    assert len(handled) == whole
