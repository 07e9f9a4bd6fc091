"""Audio files as chunks: every sample once, at the rate of engines."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from lineal_producers.speech.wave_file import UnreadableAudio, WaveFile
from lineal_schemas.speech import AudioChunk, SpeechOptions


def write(file: Path, frames: np.ndarray, rate: int, width: int = 2) -> None:
    with wave.open(str(file), "wb") as made:
        made.setnchannels(frames.shape[1])
        made.setsampwidth(width)
        made.setframerate(rate)
        data = frames.astype("<i2")
        if width == 3:
            padded = np.zeros((*data.shape, 3), dtype=np.uint8)
            padded[..., 1:] = data[..., np.newaxis].view(np.uint8).reshape(*data.shape, 2)
            made.writeframes(padded.tobytes())
        else:
            made.writeframes(data.tobytes())


def chunks(file: Path) -> list[AudioChunk]:
    audio = WaveFile(file)
    found = list(audio.chunks("s", SpeechOptions(), 0.5))
    audio.close()
    return found


def joined(found: list[AudioChunk]) -> np.ndarray:
    return np.frombuffer(b"".join(one.audio for one in found), "<i2")


def tone(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    times = np.arange(round(rate * seconds)) / rate
    one = 8000 * np.sin(2 * np.pi * 440 * times)
    return np.repeat(one[:, np.newaxis], channels, axis=1)


@pytest.mark.parametrize("width", [2, 3])
def test_samples_come_once_in_numbered_chunks(tmp_path: Path, width: int) -> None:
    frames = np.random.default_rng(0).integers(-30000, 30000, (20_001, 2))
    write(tmp_path / "a.wav", frames, 16_000, width)
    found = chunks(tmp_path / "a.wav")
    assert [one.sequence for one in found] == [0, 1, 2]
    assert [one.first_sample for one in found] == [0, 8000, 16_000]
    assert [one.last for one in found] == [False, False, True]
    assert (joined(found).reshape(-1, 2) == frames).all()


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_another_rate_is_made_that_of_engines_also_where_blocks_meet(
    tmp_path: Path, rate: int
) -> None:
    write(tmp_path / "a.wav", tone(rate, 61), rate)
    made = joined(chunks(tmp_path / "a.wav")).astype(float)
    wanted = tone(16_000, 61)[:, 0]
    assert abs(len(made) - len(wanted)) <= 2
    length = min(len(made), len(wanted)) - 800
    assert np.abs(made[800:length] - wanted[800:length]).max() < 80  # of 8000


def test_what_is_no_wave_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "song.mp3"
    file.write_bytes(b"ID3 and more")
    with pytest.raises(UnreadableAudio, match=r"ffmpeg -i song\.mp3"):
        WaveFile(file)


def test_an_empty_recording_is_one_last_chunk(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.zeros((0, 1)), 16_000)
    (only,) = chunks(tmp_path / "a.wav")
    assert only.last
    assert only.audio == b""
