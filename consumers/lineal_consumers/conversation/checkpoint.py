"""Where a conversation is: what a person has begun, what was asked, what is waited for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lineal_schemas.conversations import SlotValue


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class Frame(_Kept):
    """An intent that is being talked about."""

    intent: str
    slots: dict[str, SlotValue] = {}
    phase: Literal["asking", "confirming", "changing"] = "asking"
    asked: str | None = None
    """The slot that was asked for last."""
    attempts: int = 0
    """Answers in a row that were none."""


class OpenTicket(_Kept):
    """A ticket for which the person is asked how to be reached."""

    ticket_id: str
    attempts: int = 0


class Task(_Kept):
    """Something that was asked of others and is not done yet."""

    intent: str
    slots: dict[str, SlotValue]


class Checkpoint(_Kept):
    """A person's conversation, as it is kept between utterances."""

    session: int = 0
    is_open: bool = False
    """Whether the session goes on; closed, what was begun is in ``paused``."""
    frames: tuple[Frame, ...] = ()
    """The last is what is talked about; the others were interrupted by it."""
    paused: tuple[Frame, ...] = ()
    """Of sessions before: what can be gone on with."""
    ticket: OpenTicket | None = None
    tasks: dict[str, Task] = {}
    """By the id of their request."""
    channel: str = "console"
    """The one that was used last: what comes later is told there."""
    last_us: int = 0
    """When something was said last."""
