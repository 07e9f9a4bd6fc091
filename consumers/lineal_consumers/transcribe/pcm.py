"""Audio as bytes: signed 16-bit little-endian PCM, split by channel, at the rate of engines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
"""(samples,) of one channel."""

ENGINE_RATE = 16_000
"""Samples a second that voice activity and engines are given."""
SAMPLE_BYTES = 2


def frame_count(audio: bytes, channels: int) -> int:
    """How many samples of each channel there are.

    Raises:
        ValueError: the last sample is not whole.
    """
    frames, rest = divmod(len(audio), SAMPLE_BYTES * channels)
    if rest:
        raise ValueError(f"{len(audio)} bytes are no whole samples of {channels} channels")
    return frames


def split_channels(audio: bytes, channels: int, sample_rate: int) -> list[Samples]:
    """The samples of each channel, at :data:`ENGINE_RATE`.

    Args:
        sample_rate: 8000 or 16000; what is between two samples of 8000 is drawn as a line.
    """
    samples = np.frombuffer(audio, dtype="<i2").reshape(-1, channels)
    found = [np.ascontiguousarray(samples[:, channel]) for channel in range(channels)]
    if sample_rate == ENGINE_RATE:
        return found
    return [_doubled(channel) for channel in found]


def _doubled(samples: Samples) -> Samples:
    doubled = np.repeat(samples, 2)
    if len(samples) > 1:
        halves = (samples[:-1].astype(np.int32) + samples[1:]) // 2
        doubled[1:-1:2] = halves.astype(np.int16)
    return doubled
