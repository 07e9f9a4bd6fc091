"""Where utterances begin and end, of which frames are speech."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

_BEGIN_FRAMES = 4
"""So many frames of speech in a row begin an utterance: a click does not."""
_BEFORE_FRAMES = 15
"""Of the audio before that, kept for the soft beginning of a word."""
_CUT_FRAMES = 5
"""An utterance that is too long is cut at so short a pause, if there is one soon."""
_CUT_EXTRA = 1.25


class Segment(BaseModel):
    """Where a channel is."""

    model_config = ConfigDict(frozen=True)

    frame: int = 0
    """Of the channel, the next one."""
    speech_run: int = 0
    silence_run: int = 0
    begun: int | None = None
    """The frame at which the utterance that goes on begins."""


class Boundary(NamedTuple):
    """An utterance begins or ends."""

    kind: Literal["begin", "end"]
    frame: int


def after_frames(
    segment: Segment, speech: list[bool], end_frames: int, max_frames: int
) -> tuple[Segment, list[Boundary]]:
    """Where a channel is after some frames, and what began and ended in them.

    Args:
        end_frames: so many silent ones in a row end an utterance.
        max_frames: of an utterance; a quarter more where there is no pause.
    """
    found: list[Boundary] = []
    frame, spoken, silent, begun = (
        segment.frame, segment.speech_run, segment.silence_run, segment.begun,
    )  # fmt: skip
    floor = 0 if begun is None else begun
    for is_speech in speech:
        frame += 1
        spoken, silent = (spoken + 1, 0) if is_speech else (0, silent + 1)
        if begun is None:
            if spoken >= _BEGIN_FRAMES:
                begun = max(floor, frame - spoken - _BEFORE_FRAMES)
                found.append(Boundary("begin", begun))
            continue
        length = frame - begun
        cut = length >= max_frames and silent >= _CUT_FRAMES
        if silent >= end_frames or cut or length >= max_frames * _CUT_EXTRA:
            found.append(Boundary("end", frame))
            begun, floor, spoken = None, frame, 0
    after = Segment(frame=frame, speech_run=spoken, silence_run=silent, begun=begun)
    return after, found


def ended(segment: Segment) -> tuple[Segment, list[Boundary]]:
    """After the end of the audio, or before a gap: what goes on ends."""
    if segment.begun is None:
        return segment.model_copy(update={"speech_run": 0, "silence_run": 0}), []
    after = Segment(frame=segment.frame)
    return after, [Boundary("end", segment.frame)]
