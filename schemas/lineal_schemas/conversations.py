"""Payloads of conversations: what a person says, what is replied, asked for, and left to people."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import ModelRef
from lineal_schemas.payload import Labels, Payload
from lineal_schemas.telemetry import Micros

DialogueName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
IntentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
PersonId = Annotated[str, Field(min_length=1, max_length=200)]
"""Who talks: the same in all channels that one person comes through."""
Channel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,31}$")]
Utterance = Annotated[str, Field(min_length=1, max_length=2000)]
SlotValue = str | float
"""Of a date: as ISO 8601 has it."""


class ConversationEvent(Payload):
    """What all events of one person's conversation have in common."""

    model_config = ConfigDict(protected_namespaces=())

    person: PersonId
    dialogue: DialogueName

    def partition_key(self) -> str:
        return f"{self.dialogue}/{self.person}"

    def correlation_key(self) -> str:
        return f"conversation:{conversation_id(self.dialogue, self.person)}"


def conversation_id(dialogue: str, person: str) -> str:
    """What lineage calls a conversation: it does not name the person."""
    return sha256(f"{dialogue}\n{person}".encode()).hexdigest()[:24]


class UtteranceReceived(ConversationEvent, type="utterance.received", version=1):
    """A person has said or written something."""

    channel: Channel
    text: Utterance


class UtteranceReplied(ConversationEvent, type="utterance.replied", version=1):
    """What a person is to be told: one for each utterance, and further ones when a task is done or
    somebody answers."""

    channel: Channel
    text: str
    intent: IntentName | None = None
    """What the utterance was taken for, or what it was an answer within."""
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    expects: str | None = None
    """The slot whose value is asked for; ``confirmation``, ``change`` or ``contact``; None:
    nothing."""
    choices: tuple[str, ...] = ()
    """Possible answers, where they are few."""
    model: ModelRef | None = None
    """By which intents were found; None: by the examples of the dialogue."""


class DeviceUtterance(BaseModel):
    """What a device sends on ``lineal/v1/DEVICE/talk``: something was said to it, or by it. Whose
    it is, the topic says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    """Chosen by the device, another one for each utterance; the same when it sends it again."""
    dialogue: DialogueName
    text: Utterance
    speaker: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@+-]{1,100}$")] | None = None
    """Which of the people at the device it was, where there are several."""


class DeviceReply(BaseModel):
    """What the bridge answers on ``lineal/v1/DEVICE/talk/reply``."""

    model_config = ConfigDict(frozen=True)

    message_id: str | None
    """Of the utterance; None: a further reply, as when a task is done."""
    dialogue: DialogueName
    speaker: str | None = None
    text: str
    expects: str | None = None
    choices: tuple[str, ...] = ()
    time_us: Micros


class FulfilmentRequested(ConversationEvent, type="fulfilment.requested", version=1):
    """All that a task needs is known and confirmed: somebody is to do it."""

    fulfilment_id: str
    task: str
    """As the dialogue's ``fulfil`` has it."""
    slots: dict[str, SlotValue]


class FulfilmentCompleted(ConversationEvent, type="fulfilment.completed", version=1):
    """The task was done, or could not be; the person is told."""

    fulfilment_id: str
    outcome: Literal["done", "failed"]
    answer: Labels = {}
    """What the reply's template names beside the slots."""


class TicketEvent(ConversationEvent):
    """What all events of a ticket have in common."""

    ticket_id: str


class TicketCreated(TicketEvent, type="ticket.created", version=1):
    """Nobody but a person can answer this."""

    channel: Channel
    text: Utterance
    reason: Literal["unknown", "asked", "not_understood"]
    """``unknown``: no intent fits; ``asked``: a person was asked for; ``not_understood``: answers
    to a question were not."""
    intent: IntentName | None = None
    """Within which it was said."""


class TicketContactGiven(TicketEvent, type="ticket.contact_given", version=1):
    """How the person can be reached."""

    contact: Annotated[str, Field(max_length=320)]


class TicketAnswered(TicketEvent, type="ticket.answered", version=1):
    """Somebody has dealt with a ticket: the person is told, and the intent is learnt."""

    text: Utterance
    """Of the ticket."""
    answer: Annotated[str, Field(max_length=2000)] | None = None
    intent: IntentName | None = None
    """What the text should have been taken for; None: nothing that the dialogue knows."""
    by: str
    answered_us: Micros


class SessionDue(ConversationEvent, type="conversation.session_due", version=1):
    """The stage's own timer: nothing was said for so long."""

    what: Literal["session", "checkpoint"]
    session: Annotated[int, Field(ge=1)]
    last_us: Micros
    """When something was said last as the timer was set."""


class SessionExpired(ConversationEvent, type="conversation.session_expired", version=1):
    """A session is over because nothing was said; what was begun can be gone on with."""

    session: Annotated[int, Field(ge=1)]
    paused: tuple[IntentName, ...]
    """What was begun."""
    forgotten: bool = False
    """Whether it can be gone on with no longer."""


class DialogueExample(Payload, type="dialogue.example", version=1):
    """A text with its intent, from a dialogue's file, to learn from."""

    dialogue: DialogueName
    text: Utterance
    intent: IntentName
    by: str
    published_us: Micros

    def partition_key(self) -> str:
        return self.dialogue

    def correlation_key(self) -> str:
        return f"dialogue:{self.dialogue}"
