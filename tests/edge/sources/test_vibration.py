"""Vibration: what is known of a signal is in its features, and each block comes once."""

from __future__ import annotations

import math
import os
import threading
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal_edge.sources.blocks import from_bytes
from lineal_edge.sources.kinds import open_source, read_source
from lineal_edge.sources.source import PositionedSource, Sample
from lineal_edge.sources.spectrum import SpectrumFeatures
from lineal_edge.sources.wav_reader import BadWav, wav_layout
from tests.edge.sources.killing import KilledAgent

RATE = 8000


def tones(*parts: tuple[float, float], seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    """Sines of (Hz, amplitude) on a constant, which is no vibration."""
    time = np.arange(round(rate * seconds)) / rate
    found = np.full(len(time), 9.81)
    for hz, amplitude in parts:
        found += amplitude * np.sin(2 * np.pi * hz * time)
    return found


def features(block: np.ndarray, **more: Any) -> dict[str, float]:
    spectrum = SpectrumFeatures(len(block), RATE, **{"bands": [], "peaks": 2, **more})
    return dict(zip(spectrum.names, spectrum.of(block), strict=True))


def test_a_sine_has_its_level_its_line_and_its_band() -> None:
    found = features(tones((120.3, 2.0)), bands=[(10, 100), (100, 1000)], peaks=1)
    assert found["rms"] == pytest.approx(2 / math.sqrt(2), rel=2e-3)
    assert found["peak"] == pytest.approx(2.0, rel=1e-2)
    assert found["crest"] == pytest.approx(math.sqrt(2), rel=1e-2)
    assert found["kurtosis"] == pytest.approx(1.5, rel=1e-2)
    assert found["peak_1_hz"] == pytest.approx(120.3, abs=0.05)
    assert found["peak_1"] == pytest.approx(2.0, rel=2e-2)
    assert found["band_100_1000"] == pytest.approx(2 / math.sqrt(2), rel=2e-3)
    assert found["band_10_100"] < 0.01


def test_lines_are_the_largest_first() -> None:
    found = features(tones((50, 1.0), (333, 3.0), (1200, 2.0)))
    assert found["peak_1_hz"] == pytest.approx(333, abs=0.05)
    assert found["peak_2_hz"] == pytest.approx(1200, abs=0.05)
    assert found["peak_2"] == pytest.approx(2.0, rel=2e-2)


def test_shocks_show_in_kurtosis_and_crest_and_noise_does_not() -> None:
    noise = np.random.default_rng(1).standard_normal(RATE)
    assert features(noise)["kurtosis"] == pytest.approx(3, abs=0.3)
    noise[::1000] += 20
    shocks = features(noise)
    assert shocks["kurtosis"] > 10
    assert shocks["crest"] > 8


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), samples=st.sampled_from([256, 1000, 1001, 4096]))
def test_bands_that_cover_the_spectrum_add_up_to_the_whole(seed: int, samples: int) -> None:
    random = np.random.default_rng(seed)
    block = np.convolve(random.standard_normal(samples), np.ones(5), "same")
    middle = random.uniform(1000, 3000)
    found = features(block, bands=[(0, middle), (middle, RATE / 2)], peaks=0)
    whole = math.hypot(*(value for name, value in found.items() if name.startswith("band")))
    # the window weighs the middle of a block more than its ends
    assert whole == pytest.approx(found["rms"], rel=0.35)


def test_the_mean_of_many_blocks_bands_is_their_energy() -> None:
    """Parseval: over many blocks of noise the window's weights cancel."""
    random = np.random.default_rng(3)
    spectrum = SpectrumFeatures(1000, RATE, bands=[(0, 4000)], peaks=0)
    blocks = [spectrum.of(random.standard_normal(1000)) for _ in range(300)]
    energy = np.mean([values[spectrum.names.index("band_0_4000")] ** 2 for values in blocks])
    assert energy == pytest.approx(1, rel=0.02)


def test_a_silent_block_and_one_with_a_hole_have_no_shape() -> None:
    silent = features(np.full(RATE, 2.5))
    assert silent["rms"] == 0
    assert math.isnan(silent["kurtosis"]) and math.isnan(silent["peak_1_hz"])
    hole = np.ones(RATE)
    hole[5] = math.nan
    assert all(math.isnan(value) for value in features(hole).values())


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"bands": [[10, 5000]]}, "the rate shows 4000 Hz"),
        ({"bands": [[10.2, 10.6]]}, "a block shows steps of 1 Hz"),
        ({"sample": "int8"}, "sample is one of"),
        ({"reader": "tape"}, "no block reader 'tape' is installed; there are: raw, wav"),
        ({"channels": {"level": {"feature": "y_rms"}}}, "no feature 'y_rms'; there are: x_rms"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    tmp_path: Path, more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        source_of(tmp_path, **more)


def source_of(path: Path, **more: Any) -> PositionedSource:
    fields = {"kind": "vibration", "path": path, "rate_hz": RATE, "poll": 0.01, **more}
    source = open_source(read_source({"quiet_seconds": 0, **fields}), "pump-1")
    assert isinstance(source, PositionedSource)
    return source


def write_wav(file: Path, axes: list[np.ndarray], *, bits: int = 16, rate: int = RATE) -> None:
    scaled = np.stack(axes, axis=1) * 2 ** (bits - 6)
    width = bits // 8
    data = scaled.round().astype("<i4").reshape(-1, 1).view(np.uint8)[:, :width].tobytes()
    with wave.open(str(file.with_suffix(".part")), "wb") as out:
        out.setparams((len(axes), width, rate, len(axes[0]), "NONE", ""))
        out.writeframes(data)
    file.with_suffix(".part").rename(file)


def take(source: PositionedSource, count: int, after: str | None = None) -> list[Sample]:
    taken: list[Sample] = []
    for sample in source.samples(after):
        taken.append(sample)
        source.committed(sample.position)
        if len(taken) == count:
            break
    source.close()
    return taken


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_a_wav_file_becomes_a_reading_a_block(tmp_path: Path, bits: int) -> None:
    x, y = tones((100, 1.0), seconds=2.5), tones((700, 0.5), seconds=2.5)
    write_wav(tmp_path / "a.wav", [x, y], bits=bits)
    os.utime(tmp_path / "a.wav", (1_000_002.5, 1_000_002.5))
    source = source_of(
        tmp_path, axes=["x", "y"], scale=2 ** -(bits - 6),
        channels={"level": {"feature": "x_rms"}, "y_peak_1_hz": {}},
    )  # fmt: skip
    first, second = take(source, 2)
    assert source.features == ("level", "y_peak_1_hz")
    assert first.values == pytest.approx((1 / math.sqrt(2), 700), rel=1e-2)
    assert (first.wall_us, second.wall_us) == (1_000_001_000_000, 1_000_002_000_000)
    assert (tmp_path / "done" / "a.wav").exists()


def test_wav_files_that_cannot_be_used_are_put_aside(tmp_path: Path) -> None:
    (tmp_path / "1.wav").write_bytes(b"RIFF")
    write_wav(tmp_path / "2.wav", [tones((1, 1))], rate=44100)
    write_wav(tmp_path / "3.wav", [tones((1, 1)), tones((1, 1))])
    write_wav(tmp_path / "4.wav", [tones((1, 1), seconds=0.5)])
    write_wav(tmp_path / "5.wav", [tones((1, 1))])
    for name in "12345":
        os.utime(tmp_path / f"{name}.wav", (int(name), int(name)))
    assert len(take(source_of(tmp_path), 1)) == 1
    assert sorted(path.name for path in (tmp_path / "failed").iterdir()) == [
        "1.wav", "2.wav", "3.wav", "4.wav",
    ]  # fmt: skip


def test_a_wav_of_bytes_is_refused_with_its_kind(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setparams((1, 1, RATE, 8, "NONE", ""))
        out.writeframes(b"12345678")
    with pytest.raises(BadWav, match="8 bit"):
        wav_layout(tmp_path / "a.wav")


@pytest.mark.parametrize("sample", ["int16", "int24", "int32", "int16be", "int24be", "int32be"])
def test_samples_of_each_width_keep_their_sign(sample: str) -> None:
    order = "big" if sample.endswith("be") else "little"
    width = int(sample[3:5]) // 8
    numbers = [0, 1, -1, 2 ** (8 * width - 1) - 1, -(2 ** (8 * width - 1)), 258]
    data = b"".join(number.to_bytes(width, order, signed=True) for number in numbers)
    assert from_bytes(data, sample, 2).tolist() == [numbers[0:2], numbers[2:4], numbers[4:6]]


def test_a_raw_file_is_followed_and_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "x.raw"
    blocks = [(tones((100 * n, 1.0)) * 1000).astype("<f4").tobytes() for n in range(1, 5)]
    file.write_bytes(b"".join(blocks[:3]) + blocks[3][:100])
    options = {"reader": "raw", "sample": "float32", "channels": {"x_peak_1_hz": {}}}
    second = take(source_of(file, **options), 2)[1]
    assert second.values == pytest.approx((200,), rel=1e-3)
    with file.open("ab") as out:
        out.write(blocks[3][100:])
    rest = take(source_of(file, **options), 3 - 1, second.position)
    assert [sample.values[0] for sample in rest] == pytest.approx([300, 400], rel=1e-3)


def test_a_pipe_gives_what_comes_however_it_is_cut(tmp_path: Path) -> None:
    pipe = tmp_path / "adc"
    os.mkfifo(pipe)
    data = b"".join((tones((100 * n, 1.0)) * 1000).astype("<i2").tobytes() for n in (1, 2, 3))

    def write() -> None:
        with pipe.open("wb", buffering=0) as out:
            for begin in range(0, len(data), 999):
                out.write(data[begin : begin + 999])

    writer = threading.Thread(target=write, daemon=True)
    source = source_of(pipe, reader="raw", channels={"x_peak_1_hz": {}})
    writer.start()
    taken = take(source, 3)
    writer.join(10)
    assert [sample.values[0] for sample in taken] == pytest.approx([100, 200, 300], rel=1e-3)
    assert taken[0].wall_us is None


def test_a_killed_agent_has_each_block_once(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    agent = KilledAgent(
        tmp_path,
        f'kind = "vibration"\npath = "{inbox}"\nrate_hz = {RATE}\nblock_seconds = 0.05\n'
        "quiet_seconds = 0\npoll = 0.02\nchannels = { x_peak_1 = {} }\n",
    )
    expected = []
    for number in range(3):
        levels = np.arange(1 + 40 * number, 41 + 40 * number) / 100
        block = tones((400, 1.0), seconds=0.05) - 9.81
        write_wav(inbox / f"{number}.wav", [np.concatenate([level * block for level in levels])])
        expected += list(levels)
        with agent:
            agent.wait(40 * number + 15)
    with agent:
        agent.wait(len(expected))
    values = [row[0] / 1024 for row in agent.values()]
    assert values == pytest.approx(expected, rel=0.02)
