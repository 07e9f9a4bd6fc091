"""Audio files as chunks: WAV of any rate and format, as samples of 16,000 a second."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from pathlib import Path

import numpy as np

from lineal.errors import LinealError
from lineal_producers.speech.wave_samples import Frames, NotReadable, WaveSamples
from lineal_schemas.speech import AudioChunk, SpeechOptions

RATE = 16_000
_BLOCK_SECONDS = 30
_MAX_CHANNELS = 8


class UnreadableAudio(LinealError, ValueError):
    """A file is no WAV with samples that can be read; says how to make one of it."""


class WaveFile:
    """A WAV file that is read bit by bit.

    Raises:
        UnreadableAudio: see there.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._samples = WaveSamples(path)
        except NotReadable as error:
            raise UnreadableAudio(
                f"{path.name} is no WAV file that can be read here ({error}): make one of it, as "
                f"with `ffmpeg -i {path.name} -ar {RATE} -c:a pcm_s16le audio.wav`"
            ) from error
        self.channels, self.rate = self._samples.channels, self._samples.rate
        self.seconds = self._samples.frames / self.rate
        if self.channels > _MAX_CHANNELS:
            self._samples.close()
            raise UnreadableAudio(
                f"{path.name} has {self.channels} channels: up to {_MAX_CHANNELS} can be read"
            )

    def chunks(
        self, session_id: str, options: SpeechOptions, seconds: float
    ) -> Iterator[AudioChunk]:
        """All of it, as chunks of so many seconds."""
        size = round(seconds * RATE)
        sequence = first = 0
        waiting = np.zeros((0, self.channels), dtype=np.int16)
        for block in self._resampled():
            waiting = np.concatenate([waiting, block])
            while len(waiting) > size:
                yield self._chunk(session_id, options, sequence, first, waiting[:size])
                sequence, first, waiting = sequence + 1, first + size, waiting[size:]
        yield self._chunk(session_id, options, sequence, first, waiting, last=True)

    def _chunk(
        self, session_id: str, options: SpeechOptions, sequence: int, first: int, frames: Frames,
        *, last: bool = False,
    ) -> AudioChunk:  # fmt: skip
        return AudioChunk(
            session_id=session_id,
            sequence=sequence,
            first_sample=first,
            sample_rate=16000,
            channels=self.channels,
            audio=frames.astype("<i2").tobytes(),
            last=last,
            options=options,
        )

    def _resampled(self) -> Iterator[Frames]:
        """Blocks at :data:`RATE`. Each is resampled with a second before and after it, so that
        nothing is heard of where blocks meet."""
        if self.rate == RATE:
            while len(block := self._samples.read(_BLOCK_SECONDS * RATE)):
                yield block
            return
        from scipy.signal import resample_poly

        common = gcd(self.rate, RATE)
        up, down = RATE // common, self.rate // common
        before = self._samples.read(0)
        block = self._samples.read(_BLOCK_SECONDS * self.rate)
        while len(block):
            following = self._samples.read(_BLOCK_SECONDS * self.rate)
            context = np.concatenate([before, block, following[: self.rate]]).astype(np.float64)
            made = resample_poly(context, up, down, axis=0)
            start = len(before) * up // down
            length = -(-len(block) * up // down)
            kept = np.clip(np.rint(made[start : start + length]), -32768, 32767)
            yield kept.astype(np.int16)
            before, block = block[-self.rate :], following

    def close(self) -> None:
        self._samples.close()
