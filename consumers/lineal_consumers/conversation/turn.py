"""What a turn of a conversation is decided by, and what it comes to."""

from __future__ import annotations

from typing import Literal, NamedTuple

from lineal_consumers.conversation.checkpoint import Checkpoint
from lineal_consumers.conversation.dialogue import fill, shown
from lineal_schemas.conversations import SlotValue

MAX_FRAMES = 5
"""Interrupted intents; what was begun first is dropped then."""
Reason = Literal["unknown", "asked", "not_understood"]


class Rules(NamedTuple):
    """Settings that decide turns."""

    min_confidence: float
    digression: float
    attempts: int


class Request(NamedTuple):
    """A task for others."""

    task: str
    slots: dict[str, SlotValue]


class Turn(NamedTuple):
    """What an utterance came to."""

    checkpoint: Checkpoint
    text: str
    """The reply."""
    intent: str | None = None
    expects: str | None = None
    choices: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()
    ticket: Reason | None = None
    """Why a person is to look at the utterance."""
    contact: str | None = None
    """How the person can be reached, for the open ticket."""
    contact_of: str | None = None


def pause(before: Checkpoint) -> Checkpoint:
    """A checkpoint whose session is over: what was begun waits to be gone on with."""
    begun = {frame.intent for frame in before.frames}
    kept = [frame for frame in before.paused if frame.intent not in begun]
    paused = (*kept, *before.frames)[-MAX_FRAMES:]
    return before.model_copy(
        update={"is_open": False, "frames": (), "paused": paused, "ticket": None}
    )


def filled(template: str, slots: dict[str, SlotValue], **more: str) -> str:
    """A template of the dialogue with values of slots, and of the answer to a task."""
    return fill(template, {**more, **{name: shown(value) for name, value in slots.items()}})
