"""Settings of live transcription: ``[stages.transcribe]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.speech import Stability

Positive = Annotated[float, Field(gt=0)]


class TranscribeConfig(BaseModel):
    """How sessions are transcribed; a session may ask for another stability, or for redaction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str = "pocketsphinx"
    """Of those under the entry points ``lineal.speech_engines``."""
    voice_activity: Literal["energy", "silero"] = "energy"
    """What tells speech from silence; ``silero`` is a network, of the extra ``speech-vad``."""
    stability: Stability = "high"
    vocabulary: dict[str, tuple[str, ...]] = {}
    """Words of your own, each with what the engine takes it for, as is seen in a transcript:
    ``{ Kubernetes = ["cooper net ease"] }``. Engines that can are told to expect them, too."""
    redact: bool = False
    """Put spoken personal data out of sight: numbers of cards, telephones and accounts, names."""
    end_silence_seconds: Positive = 0.6
    """So much silence ends an utterance."""
    max_utterance_seconds: Positive = 20.0
    """An utterance is ended then at the latest."""
    gap_seconds: Positive = 10.0
    """How long a missing chunk is waited for."""
    idle_seconds: Positive = 300.0
    """A session of which nothing came for so long has ended."""
    max_ahead_chunks: Annotated[int, Field(ge=1, le=10_000)] = 600
    """Chunks that are kept while one before them is missing; one more, and it is given up."""
    seconds: Positive = 60.0
    """Limit for one call of the engine."""
