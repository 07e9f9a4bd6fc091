"""PocketSphinx as an engine: a small recogniser with its American English model in the wheel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lineal.errors import PermanentFailure
from lineal.lineage.record import UsedArtifact
from lineal_consumers.transcribe.stabilisation import RecognizedWord

_FRAMES_PER_SECOND = 100
_MODEL_DIGEST = "a72cd5a2a6282d1ed213a6eafa5131d78749580336622ba5341e3ab771679465"
"""Of the files of the model in the wheel of 5.1.1, by name and content."""
_VARIANT = re.compile(r"\(\d+\)$")
_MAX_IDLE = 2
_idle: list[tuple[Any, str]] = []
"""Decoders whose utterance is over, each with the cepstral mean it began with: to make one takes a
second. The mean is set back, so that no utterance depends on another."""


class PocketSphinx:
    """The engine."""

    name = "pocketsphinx"
    hop_seconds = 0.3

    @property
    def version(self) -> str:
        return version("pocketsphinx")

    def artifacts(self) -> list[UsedArtifact]:
        digest = _digest()
        if digest != _MODEL_DIGEST:
            raise PermanentFailure(
                f"the model in pocketsphinx {self.version} is not that of 5.1.1: install this one"
            )
        return [UsedArtifact("pocketsphinx/en-us", self.version, digest)]

    def open(self, vocabulary: Sequence[str]) -> PocketSphinxRecognition:
        # A word that its language model does not have is never likely enough: what it is taken for
        # is set right afterwards.
        decoder, mean = _idle.pop() if _idle else _decoder()
        return PocketSphinxRecognition(decoder, mean)


class PocketSphinxRecognition:
    """An utterance with a decoder of its own."""

    def __init__(self, decoder: Any, mean: str) -> None:
        self._decoder, self._mean = decoder, mean
        decoder.set_cmn(mean)
        decoder.start_utt()

    def add(self, audio: bytes) -> None:
        if audio:
            self._decoder.process_raw(audio, False, False)

    def words(self) -> tuple[RecognizedWord, ...]:
        if self._decoder.hyp() is None:
            return ()
        return tuple(
            RecognizedWord(
                text=_VARIANT.sub("", found.word),
                start=found.start_frame / _FRAMES_PER_SECOND,
                end=(found.end_frame + 1) / _FRAMES_PER_SECOND,
                confidence=min(1.0, max(0.0, float(found.prob))),
            )
            for found in self._decoder.seg()
            if not found.word.startswith(("<", "["))
        )

    def finish(self) -> tuple[RecognizedWord, ...]:
        self._decoder.end_utt()
        words = self.words()
        if len(_idle) < _MAX_IDLE:
            _idle.append((self._decoder, self._mean))
        return words


def _decoder() -> tuple[Any, str]:
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=16000, loglevel="FATAL")
    return decoder, decoder.get_cmn(False)


@cache
def _digest() -> str:
    spec = find_spec("pocketsphinx")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "model" / "en-us"
    listed = sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            name = file.relative_to(folder).as_posix()
            listed.update(f"{name} {sha256(file.read_bytes()).hexdigest()}\n".encode())
    return listed.hexdigest()


ENGINE = PocketSphinx()
