"""Speech for tests: espeak-ng's, at the rate of engines."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pytest

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="needs espeak-ng: apt-get install espeak-ng"
)


@cache
def wave_of(text: str) -> bytes:
    """A WAV file of somebody who says this."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", file, text], check=True)
        return file.read_bytes()


def samples_of(text: str) -> npt.NDArray[np.int16]:
    """The same as samples, 16,000 a second."""
    import wave

    from scipy.signal import resample_poly

    with wave.open(BytesIO(wave_of(text))) as file:
        assert file.getframerate() == 22050
        spoken = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    made: npt.NDArray[np.int16] = np.rint(resample_poly(spoken, 320, 441)).astype(np.int16)
    return made


def silence(seconds: float) -> npt.NDArray[np.int16]:
    return np.zeros(round(seconds * 16_000), dtype=np.int16)
