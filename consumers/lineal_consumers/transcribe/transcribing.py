"""The work on a session while one event of it is handled."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lineal import Context, Reject
from lineal_consumers.transcribe.config import TranscribeConfig
from lineal_consumers.transcribe.engines import SpeechEngine, find_engine
from lineal_consumers.transcribe.pcm import (
    ENGINE_RATE,
    SAMPLE_BYTES,
    Samples,
    frame_count,
    split_channels,
)
from lineal_consumers.transcribe.recognition import recognize
from lineal_consumers.transcribe.segmentation import Boundary, after_frames, ended
from lineal_consumers.transcribe.session import Session
from lineal_consumers.transcribe.stabilisation import RecognizedWord
from lineal_consumers.transcribe.utterance import Utterance, final_text, with_hypothesis
from lineal_consumers.transcribe.voice_activity import (
    FRAME_SAMPLES,
    SECONDS_PER_FRAME,
    silero_context_samples,
    speech_by_energy,
    speech_by_silero,
)
from lineal_schemas.payload import Payload
from lineal_schemas.speech import (
    AudioChunk,
    AudioGap,
    AudioOverdue,
    TranscriptEnded,
    TranscriptFinal,
    TranscriptPartial,
)

_KEPT_SAMPLES = 24 * FRAME_SAMPLES
"""Of a channel's audio before now, for the beginning of an utterance and for frames."""


def early_key(session_id: str, sequence: int) -> str:
    """Under which state a chunk is kept that came too early."""
    return f"early/{session_id}/{sequence:012}"


class Transcribing:
    """Takes chunks in order and collects what is to be told."""

    def __init__(self, session_id: str, session: Session, ctx: Context[TranscribeConfig]) -> None:
        self._id, self._session, self._ctx = session_id, session, ctx
        self._engine: SpeechEngine = find_engine(ctx.config.engine)
        self._stability = session.options.stability or ctx.config.stability
        asked = session.options.redact
        self._redact = ctx.config.redact if asked is None else asked
        self._channels = list(session.channels)
        self._events: list[Payload] = []

    async def take(self, chunk: AudioChunk) -> None:
        """The next chunk.

        Raises:
            Reject: its audio ends within a sample.
        """
        session = self._session
        try:
            frames = frame_count(chunk.audio, chunk.channels)
        except ValueError as error:
            raise Reject(str(error)) from error
        missing = chunk.first_sample - session.next_sample
        if missing > 0:
            await self._gap(missing)
        parts = split_channels(chunk.audio, chunk.channels, chunk.sample_rate)
        overlap = min(frames, max(0, -missing))
        for number, samples in enumerate(parts):
            await self._hear(number, samples[overlap * ENGINE_RATE // chunk.sample_rate :])
        after = max(session.next_sample, chunk.first_sample) + frames - overlap
        self._session = self._session.model_copy(update={"next_sample": after})
        if chunk.last:
            await self.end("last")

    async def take_released(self) -> None:
        """The chunks that waited for those before them."""
        order, ready = self._session.order.released()
        self._session = self._session.model_copy(update={"order": order})
        for sequence in ready:
            key = early_key(self._id, sequence)
            chunk = await self._ctx.state.get(key, AudioChunk)
            if chunk is None:
                raise LookupError(f"chunk {sequence} was to be kept and is not")
            await self._ctx.state.delete(key)
            if self._session.ended is None:
                await self.take(chunk)

    async def give_up_missing(self) -> None:
        """Go on without what is missing before the first early chunk."""
        order = self._session.order.without_missing()
        self._session = self._session.model_copy(update={"order": order})
        await self.take_released()

    async def end(self, reason: Literal["last", "silent"]) -> None:
        """The session is over: so are its utterances."""
        for number in range(len(self._channels)):
            await self._end_utterance(number)
            for key, _ in await self._blocks(number):
                await self._ctx.state.delete(key)
        for sequence in self._session.order.early:
            await self._ctx.state.delete(early_key(self._id, sequence))
        self._session = self._session.model_copy(update={"ended": reason})
        session = self._session
        self._events.append(
            TranscriptEnded(
                session_id=self._id,
                number=self._next_number(),
                reason=reason,
                seconds=round(session.next_sample / session.sample_rate, 3),
                utterances=session.utterances,
                gaps=session.gaps,
            )
        )

    async def done(self) -> list[Payload]:
        """Keep what is to be kept; what is to be told."""
        session = self._session.model_copy(update={"channels": tuple(self._channels)})
        await self._ctx.state.put(f"session/{self._id}", session)
        if session.ended is not None:
            self._ctx.timers.cancel(self._id)
            return self._events
        config = self._ctx.config
        patience = config.gap_seconds if session.order.early else config.idle_seconds
        self._ctx.timers.set(
            self._id,
            self._ctx.now() + int(patience * 1e6),
            AudioOverdue(
                session_id=self._id, sequence=session.order.next, received=session.order.received
            ),
        )
        return self._events

    async def _gap(self, missing: int) -> None:
        """Audio that never came: utterances do not go on over it, and times stay right."""
        session = self._session
        start = session.next_sample / session.sample_rate
        length = missing / session.sample_rate
        gap = AudioGap(start=round(start, 3), end=round(start + length, 3))
        self._session = session.model_copy(update={"gaps": (*session.gaps, gap)})
        for number in range(len(self._channels)):
            await self._end_utterance(number)
            channel = self._channels[number]
            samples = channel.samples + missing * ENGINE_RATE // session.sample_rate
            segment = channel.segment.model_copy(update={"frame": samples // FRAME_SAMPLES})
            self._channels[number] = channel.model_copy(
                update={"samples": samples, "segment": segment}
            )
            for key, _ in await self._blocks(number):
                await self._ctx.state.delete(key)

    async def _hear(self, number: int, samples: Samples) -> None:
        """More audio of a channel: find where utterances begin and end, and ask the engine."""
        channel = self._channels[number]
        if len(samples):
            await self._ctx.state.put(self._block_key(number, channel.samples), samples.tobytes())
        total = channel.samples + len(samples)
        first = channel.segment.frame
        audio = await self._audio(number, first * FRAME_SAMPLES, total)
        count = len(audio) // FRAME_SAMPLES
        frames = audio[: count * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        config = self._ctx.config
        if config.voice_activity == "silero":
            before = max(0, first * FRAME_SAMPLES - silero_context_samples())
            context = await self._audio(number, before, first * FRAME_SAMPLES)
            speech, floor = speech_by_silero(frames, context), channel.floor
        else:
            speech, floor = speech_by_energy(frames, channel.floor)
        segment, boundaries = after_frames(
            channel.segment,
            speech,
            round(config.end_silence_seconds / SECONDS_PER_FRAME),
            round(config.max_utterance_seconds / SECONDS_PER_FRAME),
        )
        self._channels[number] = channel.model_copy(
            update={"floor": floor, "segment": segment, "samples": total}
        )
        await self._follow(number, boundaries)
        utterance = self._channels[number].utterance
        if utterance is not None:
            await self._ask(number, utterance, segment.frame)
        await self._trim(number)

    async def _follow(self, number: int, boundaries: list[Boundary]) -> None:
        for kind, frame in boundaries:
            channel = self._channels[number]
            if kind == "end":
                assert channel.utterance is not None
                await self._finish(number, channel.utterance, frame)
                continue
            utterance = Utterance(
                number=self._session.utterances, channel=number, first_frame=frame
            )
            self._session = self._session.model_copy(
                update={"utterances": self._session.utterances + 1}
            )
            self._channels[number] = channel.model_copy(update={"utterance": utterance})

    async def _ask(self, number: int, utterance: Utterance, frame: int) -> None:
        """Ask the engine what it understands so far, when enough has come since the last time."""
        samples = (frame - utterance.first_frame) * FRAME_SAMPLES
        if samples - utterance.decoded_samples < self._engine.hop_seconds * ENGINE_RATE:
            return
        hypothesis = await self._recognize(number, utterance, frame, last=False)
        after, changed = with_hypothesis(
            utterance,
            hypothesis,
            offset=utterance.first_frame * SECONDS_PER_FRAME,
            seconds=samples / ENGINE_RATE,
            stability=self._stability,
            redact=self._redact,
        )
        after = after.model_copy(update={"decoded_samples": samples})
        self._channels[number] = self._channels[number].model_copy(update={"utterance": after})
        if changed:
            self._events.append(
                TranscriptPartial(
                    session_id=self._id,
                    number=self._next_number(),
                    channel=number,
                    speaker=self._session.speaker(number),
                    utterance=after.number,
                    stability=self._stability,
                    words=after.shown,
                )
            )

    async def _finish(self, number: int, utterance: Utterance, frame: int) -> None:
        hypothesis = await self._recognize(number, utterance, frame, last=True)
        offset = utterance.first_frame * SECONDS_PER_FRAME
        final = final_text(utterance, hypothesis, offset=offset, redact=self._redact)
        self._channels[number] = self._channels[number].model_copy(update={"utterance": None})
        if not final.words and not utterance.shown:
            return  # a noise
        self._events.append(
            TranscriptFinal(
                session_id=self._id,
                number=self._next_number(),
                channel=number,
                speaker=self._session.speaker(number),
                utterance=utterance.number,
                words=final.words,
                text=final.text,
                start=round(offset, 3),
                end=round(frame * SECONDS_PER_FRAME, 3),
                engine=f"{self._engine.name} {self._engine.version}",
                redacted=final.redacted,
            )
        )

    async def _end_utterance(self, number: int) -> None:
        channel = self._channels[number]
        segment, boundaries = ended(channel.segment)
        self._channels[number] = channel.model_copy(update={"segment": segment})
        await self._follow(number, boundaries)

    async def _recognize(
        self, number: int, utterance: Utterance, frame: int, *, last: bool
    ) -> tuple[RecognizedWord, ...]:
        audio = await self._audio(
            number, utterance.first_frame * FRAME_SAMPLES, frame * FRAME_SAMPLES
        )
        config = self._ctx.config
        return await self._ctx.run(
            recognize,
            config.engine,
            config.vocabulary,
            f"{self._id}/{number}/{utterance.number}/{utterance.first_frame}",
            audio.tobytes(),
            last,
            seconds=config.seconds,
        )

    def _block_key(self, number: int, first_sample: int) -> str:
        return f"audio/{self._id}/{number}/{first_sample:015}"

    async def _blocks(self, number: int) -> list[tuple[str, bytes]]:
        return await self._ctx.state.items(f"audio/{self._id}/{number}/", bytes)

    async def _audio(self, number: int, first: int, end: int) -> Samples:
        """A channel's samples from one to another, of which all are kept."""
        parts = []
        for key, block in await self._blocks(number):
            begins = int(key.rpartition("/")[2])
            if begins < end and begins + len(block) // SAMPLE_BYTES > first:
                samples = np.frombuffer(block, dtype="<i2")
                parts.append(samples[max(0, first - begins) : end - begins])
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)

    async def _trim(self, number: int) -> None:
        """Drop audio that nothing needs any more."""
        channel = self._channels[number]
        needed = channel.segment.frame * FRAME_SAMPLES - _KEPT_SAMPLES
        if self._ctx.config.voice_activity == "silero":
            needed = channel.segment.frame * FRAME_SAMPLES - silero_context_samples()
        if channel.utterance is not None:
            needed = min(needed, channel.utterance.first_frame * FRAME_SAMPLES)
        for key, block in await self._blocks(number):
            if int(key.rpartition("/")[2]) + len(block) // SAMPLE_BYTES <= needed:
                await self._ctx.state.delete(key)

    def _next_number(self) -> int:
        number = self._session.events + 1
        self._session = self._session.model_copy(update={"events": number})
        return number
