"""Tickets: what conversations left to people; they are events, listed from the bus."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.errors import LinealError
from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal_schemas.conversations import TicketAnswered, TicketContactGiven, TicketCreated
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.payload import Payload

SOURCE = "lineal:ticket"
P = TypeVar("P", bound=Payload)


class UnknownTicket(LinealError, LookupError):
    """There is no ticket of this id, or several begin so."""


class TicketIsAnswered(LinealError, ValueError):
    """Somebody has answered it already; the message says who."""


class Ticket(NamedTuple):
    """A ticket, and what became of it."""

    ticket_id: str
    dialogue: str
    person: str
    text: str
    reason: str
    contact: str | None
    created_us: int
    answered_by: str | None

    @property
    def is_open(self) -> bool:
        return self.answered_by is None


async def list_tickets(runtime: Runtime, by: Credential, *, all: bool = False) -> list[Ticket]:
    """The tickets that wait for somebody, the oldest first.

    Args:
        all: also those that were answered.

    Raises:
        NotPermitted: they may not review.
    """
    by.require("review")
    contacts = {one.ticket_id: one.contact for _, one in await _read(runtime, TicketContactGiven)}
    answered = {one.ticket_id: one.by for _, one in await _read(runtime, TicketAnswered)}
    tickets = [
        Ticket(
            one.ticket_id, one.dialogue, one.person, one.text, one.reason,
            contacts.get(one.ticket_id), time_us, answered.get(one.ticket_id),
        )
        for time_us, one in await _read(runtime, TicketCreated)
    ]  # fmt: skip
    return [one for one in tickets if all or one.is_open]


async def answer_ticket(
    runtime: Runtime, by: Credential, wanted: str, answer: str | None, intent: str | None
) -> TicketAnswered:
    """Answer a ticket: the person is told, and its text is learnt as of the intent.

    Args:
        wanted: its id, or the beginning of it.
        intent: what the text should have been taken for; None: nothing that the dialogue knows.

    Raises:
        NotPermitted: they may not review.
        UnknownTicket, TicketIsAnswered
        pydantic.ValidationError: the answer is too long, or the intent is no name.
    """
    found = [one for one in await list_tickets(runtime, by, all=True)
             if one.ticket_id.startswith(wanted)]  # fmt: skip
    if len(found) != 1 or not wanted:
        many = "several tickets begin with" if found else "there is no ticket"
        raise UnknownTicket(f"{many} {wanted!r}: `lineal ticket list` lists them")
    (ticket,) = found
    if ticket.answered_by is not None:
        raise TicketIsAnswered(f"{ticket.answered_by} has answered this ticket already")
    payload = TicketAnswered(
        person=ticket.person,
        dialogue=ticket.dialogue,
        ticket_id=ticket.ticket_id,
        text=ticket.text,
        answer=answer or None,
        intent=intent or None,
        by=by.actor,
        answered_us=now_us(),
    )
    identifier = arrival_id(SOURCE, ticket.ticket_id, "answer")
    await publish_act(runtime, payload, id=identifier, source=SOURCE, actor=by.actor)
    return payload


async def _read(runtime: Runtime, kind: type[P]) -> list[tuple[int, P]]:
    return [(event.time, event.data) async for event in events_on_topic(runtime, kind)]
