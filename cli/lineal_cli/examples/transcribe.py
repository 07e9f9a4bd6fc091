"""``lineal examples run transcribe``: a call between two people, of which a piece comes twice."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lineal_cli.options import CommandFailed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_cli.examples.example_run import ExampleRun

_LINES = (
    ("en-us", "the weather is very nice today"),
    ("en-gb", "my number is five five five one two three four"),
)
_RATE = 16_000


async def show(example: ExampleRun) -> list[str]:
    """Two channels are transcribed live, a repeated chunk counts once, numbers are not shown."""
    from lineal_producers.speech.wave_file import WaveFile
    from lineal_schemas.speech import (
        SpeechOptions,
        TranscriptEnded,
        TranscriptFinal,
        TranscriptPartial,
    )

    file = example.folder / "call.wav"
    _record(example.folder, file)
    options = SpeechOptions(speakers=("agent", "caller"), redact=True)
    async with example.running(("transcribe",), {}):
        example.report("a call comes in pieces of half a second, one of them twice ...")
        audio = WaveFile(file)
        for chunk in audio.chunks("example", options, 0.5):
            await example.publish(chunk)
            if chunk.sequence == 3:
                await example.publish(chunk.model_copy(update={"options": SpeechOptions()}))
        audio.close()
        await example.until(TranscriptEnded, 1)
        partials = await example.events_of(TranscriptPartial)
        finals = await example.events_of(TranscriptFinal)
        (ended,) = await example.events_of(TranscriptEnded)
    changed = sum(
        list(final.words[: len(stable)]) != stable
        for final in finals
        for partial in partials
        if partial.utterance == final.utterance
        for stable in [[word for word in partial.words if word.stable]]
    )
    return [
        *(f"{final.speaker}: {final.text}" for final in finals),
        f"{len(partials)} partial transcripts came before, and of their stable words "
        f"{changed} changed",
        f"{ended.seconds:.1f} s in {ended.utterances} utterances, without gaps: "
        f"{len(ended.gaps)}; the chunk that came twice counted once",
        "espeak-ng spoke, which recognisers know badly: try a recording of your own with "
        "`lineal transcribe FILE.wav`",
    ]


def _record(folder: Path, file: Path) -> None:
    """A recording with a speaker on each of two channels, one after the other.

    Raises:
        CommandFailed: espeak-ng is not installed.
    """
    import wave

    import numpy as np

    if shutil.which("espeak-ng") is None:
        raise CommandFailed("the example needs espeak-ng: `apt-get install espeak-ng`")
    folder.mkdir(parents=True, exist_ok=True)
    spoken = [_speech(folder / f"{voice}.wav", voice, text) for voice, text in _LINES]
    length = sum(map(len, spoken)) + _RATE
    frames = np.zeros((length, 2), dtype="<i2")
    start = 0
    for channel, samples in enumerate(spoken):
        frames[start : start + len(samples), channel] = samples
        start += len(samples)
    with wave.open(str(file), "wb") as made:
        made.setnchannels(2)
        made.setsampwidth(2)
        made.setframerate(_RATE)
        made.writeframes(frames.tobytes())


def _speech(file: Path, voice: str, text: str) -> npt.NDArray[np.int16]:
    import numpy as np

    from lineal_producers.speech.wave_file import WaveFile
    from lineal_schemas.speech import SpeechOptions

    subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "140", "-w", str(file), text], check=True, timeout=60
    )
    audio = WaveFile(file)
    parts = [np.frombuffer(c.audio, "<i2") for c in audio.chunks("s", SpeechOptions(), 10)]
    audio.close()
    file.unlink()
    return np.concatenate(parts)
