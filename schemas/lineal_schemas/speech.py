"""Payloads of live transcription: pieces of audio, and what was said in them.

A session is one recording or one conversation; each of its channels is one speaker.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.payload import Payload

SessionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
Stability = Literal["high", "medium", "low"]
"""How soon a word of a partial transcript is stable: ``high`` soonest, ``low`` after more of the
engine's hypotheses agree."""
Channel = Annotated[int, Field(ge=0, le=7)]
Seconds = Annotated[float, Field(ge=0)]
SpeakerName = Annotated[str, Field(min_length=1, max_length=64)]


class SpeechEvent(Payload):
    """What all events of one session have in common."""

    session_id: SessionId

    def partition_key(self) -> str:
        return self.session_id

    def correlation_key(self) -> str:
        return f"speech:{self.session_id}"


class SpeechOptions(BaseModel):
    """What a session asks for; what it leaves out the settings say."""

    model_config = ConfigDict(frozen=True)

    stability: Stability | None = None
    redact: bool | None = None
    speakers: Annotated[tuple[SpeakerName, ...], Field(max_length=8)] = ()
    """By channel."""


class AudioChunk(SpeechEvent, type="audio.chunk", version=1):
    """A piece of a session's audio. Chunks have numbers without gaps, beginning with 0: one that
    comes twice counts once, and one that is missing is waited for."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    sequence: Annotated[int, Field(ge=0)]
    first_sample: Annotated[int, Field(ge=0)]
    """How many samples of a channel came before this chunk, so that the length of what is lost is
    known."""
    sample_rate: Literal[8000, 16000]
    channels: Annotated[int, Field(ge=1, le=8)] = 1
    audio: bytes
    """PCM: signed 16-bit little-endian samples, those of the channels interleaved."""
    last: bool = False
    options: SpeechOptions = SpeechOptions()


class AudioOverdue(SpeechEvent, type="audio.overdue", version=1):
    """Of a session nothing came for some time: a chunk that is missing will not come."""

    sequence: Annotated[int, Field(ge=0)]
    """Of the chunk that was waited for."""
    received: Annotated[int, Field(ge=0)]
    """How many chunks had come when the waiting began."""


class TranscriptWord(BaseModel):
    """A word, with its place in the session."""

    model_config = ConfigDict(frozen=True)

    text: str
    start: Seconds
    """From the beginning of the session."""
    end: Seconds
    confidence: Annotated[float, Field(ge=0, le=1)]
    stable: bool
    """It will not change any more, in no later event."""


class TranscriptEvent(SpeechEvent):
    """What was said on a channel, between two silences."""

    number: Annotated[int, Field(ge=1)]
    """Of the session's transcript events, without gaps: who has lost the connection goes on after
    the last it has seen."""
    channel: Channel
    speaker: str
    utterance: Annotated[int, Field(ge=0)]
    words: tuple[TranscriptWord, ...]


class TranscriptPartial(TranscriptEvent, type="transcript.partial", version=1):
    """What is understood so far of an utterance that goes on. Stable words stay what and where
    they are in all later events of the utterance; the others may change."""

    stability: Stability


class AudioGap(BaseModel):
    """Audio that never came."""

    model_config = ConfigDict(frozen=True)

    start: Seconds
    end: Seconds


class TranscriptFinal(TranscriptEvent, type="transcript.final", version=1):
    """An utterance is over: all its words, and its text with punctuation."""

    start: Seconds
    end: Seconds
    text: str
    engine: str
    """Name and version of what recognised it."""
    redacted: dict[str, int] = {}
    """How many personal data of which kind were put out of sight."""


class TranscriptEnded(SpeechEvent, type="transcript.ended", version=1):
    """A session is over, and all of it transcribed."""

    number: Annotated[int, Field(ge=1)]
    reason: Literal["last", "silent"]
    """Its last chunk came, or none for a long time."""
    seconds: Seconds
    utterances: Annotated[int, Field(ge=0)]
    gaps: tuple[AudioGap, ...] = ()
