"""Engines of recognition: what one is, and those that are installed.

An engine is an object under the entry points ``lineal.speech_engines``. It runs in a worker process
(:mod:`lineal_consumers.transcribe.recognition`) and loads its libraries when it is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lineal.errors import PermanentFailure
from lineal.lineage.record import UsedArtifact
from lineal.plugins import plugins
from lineal_consumers.transcribe.config import TranscribeConfig
from lineal_consumers.transcribe.stabilisation import RecognizedWord

GROUP = "lineal.speech_engines"


class Recognition(Protocol):
    """The recognition of one utterance, to which audio comes bit by bit."""

    def add(self, audio: bytes) -> None:
        """More audio: 16-bit PCM of one channel, 16,000 samples a second."""
        ...

    def words(self) -> tuple[RecognizedWord, ...]:
        """What is understood so far."""
        ...

    def finish(self) -> tuple[RecognizedWord, ...]:
        """What is understood of all of it; nothing is added afterwards."""
        ...


class SpeechEngine(Protocol):
    """Recognises speech."""

    name: str
    hop_seconds: float
    """Audio that comes before it is asked again."""

    @property
    def version(self) -> str:
        """Of the library, and of the model where that is another."""
        ...

    def artifacts(self) -> list[UsedArtifact]:
        """The files it works with, by their digests.

        Raises:
            PermanentFailure: they are not those that are known.
        """
        ...

    def open(self, vocabulary: Sequence[str]) -> Recognition:
        """Begin with an utterance, in which these words are likely."""
        ...


def find_engine(name: str) -> SpeechEngine:
    """An installed engine.

    Raises:
        PermanentFailure: there is none of this name, or its libraries are missing.
    """
    found = plugins(GROUP)
    if name in found.loaded:
        engine: SpeechEngine = found.loaded[name]
        return engine
    for skipped in found.skipped:
        if skipped.name == name:
            raise PermanentFailure(f"the speech engine {name} cannot be used: it {skipped.reason}")
    known = ", ".join(sorted(found.loaded)) or "none"
    raise PermanentFailure(f"there is no speech engine {name!r}; installed: {known}")


def engine_artifacts(config: TranscribeConfig) -> list[UsedArtifact]:
    """The files of the configured engine, for the lineage."""
    return find_engine(config.engine).artifacts()
