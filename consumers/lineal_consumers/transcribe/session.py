"""What is kept of a session between its chunks."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lineal_consumers.transcribe.chunk_order import ChunkOrder
from lineal_consumers.transcribe.noise_floor import NoiseFloor
from lineal_consumers.transcribe.segmentation import Segment
from lineal_consumers.transcribe.utterance import Utterance
from lineal_schemas.speech import AudioGap, SpeechOptions


class ChannelState(BaseModel):
    """What is kept of a channel; its audio has keys of its own."""

    model_config = ConfigDict(frozen=True)

    floor: NoiseFloor = NoiseFloor()
    segment: Segment = Segment()
    samples: int = 0
    """That came, at the engine's rate; fewer than a frame of them may wait for the rest of it."""
    utterance: Utterance | None = None


class Session(BaseModel):
    """What is kept of a session."""

    model_config = ConfigDict(frozen=True)

    order: ChunkOrder = ChunkOrder()
    sample_rate: int
    channels: tuple[ChannelState, ...]
    options: SpeechOptions = SpeechOptions()
    next_sample: int = 0
    """At the session's rate."""
    gaps: tuple[AudioGap, ...] = ()
    utterances: int = 0
    events: int = 0
    ended: Literal["last", "silent"] | None = None

    def speaker(self, channel: int) -> str:
        """Who speaks on a channel."""
        names = self.options.speakers
        return names[channel] if channel < len(names) else f"speaker {channel + 1}"
