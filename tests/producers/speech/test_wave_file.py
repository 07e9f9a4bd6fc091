"""Audio files as chunks: every sample once, at the rate of engines."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def riff(file: Path, kind: int, bits: int, data: bytes, *, size: int | None = None) -> None:
    """A WAV file with one channel, the header of a recorder, and a chunk of notes before."""
    subformat = struct.pack("<H", kind) + bytes.fromhex("000000001000800000aa00389b71")
    header = struct.pack("<HHIIHHH", 0xFFFE, 1, 16_000, 16_000 * bits // 8, bits // 8, bits, 22)
    header += struct.pack("<HI", bits, 4) + subformat
    notes = b"LIST" + struct.pack("<I", 5) + b"notes\0"
    length = len(data) if size is None else size
    chunk = b"fmt " + struct.pack("<I", len(header)) + header
    body = b"WAVE" + notes + chunk + b"data" + struct.pack("<I", length) + data
    file.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


@pytest.mark.parametrize(
    ("kind", "bits", "data", "samples"),
    [
        (7, 8, b"\x00\x80\xff\x7f", [-32124, 32124, 0, 0]),  # µ-law, ITU-T G.711
        (6, 8, b"\x2a\xaa\xd5\x55", [-32256, 32256, 8, -8]),  # A-law
        (1, 8, b"\x00\x80\xff", [-32768, 0, 32512]),
        (1, 24, b"\xff\x00\x80\x00\xff\x7f", [-32768, 32767]),
        (1, 32, b"\x00\x00\x01\x00", [1]),
        (3, 32, struct.pack("<4f", 0.5, -1.0, 2.0, float("nan")), [16_384, -32_768, 32_767, 0]),
    ],
)
def test_telephones_and_recorders_are_read(
    tmp_path: Path, kind: int, bits: int, data: bytes, samples: list[int]
) -> None:
    file = tmp_path / "a.wav"
    for size in (None, 0xFFFFFFFF, len(data) + 3):  # as known, not known yet, cut short
        riff(file, kind, bits, data, size=size)
        assert joined(chunks(file)).tolist() == samples


@given(st.binary(max_size=90), st.integers(0, 90))
def test_whatever_the_file_holds_it_is_read_or_named(noise: bytes, at: int) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.wav"
        riff(file, 1, 16, b"\1\0" * 9)
        whole = file.read_bytes()
        file.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
        try:
            audio = WaveFile(file)
        except UnreadableAudio:
            return
        audio.close()


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
