"""Conversations over HTTP: say something, ask for further replies, list and answer tickets."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from lineal.access.acts import NotPermitted
from lineal.runtime import Runtime
from lineal_catalog.conversations.exchange import Exchange, NoReply, Reply
from lineal_catalog.conversations.tickets import (
    TicketIsAnswered,
    UnknownTicket,
    answer_ticket,
    list_tickets,
)
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_schemas.conversations import (
    Channel,
    DialogueName,
    IntentName,
    PersonId,
    Utterance,
    UtteranceReceived,
)

_MAX_BYTES = 64 * 1024
_TOO_LARGE = "an utterance has at most 2,000 characters"
_PATIENCE_SECONDS = 25.0
B = TypeVar("B", bound=BaseModel)


class _Said(BaseModel):
    """The body of an utterance."""

    model_config = ConfigDict(extra="forbid")

    text: Utterance
    channel: Channel = "http"
    person: PersonId | None = None
    """Whom a gateway speaks for; None: who shows the credential."""


class _Answer(BaseModel):
    """The body of an answer to a ticket."""

    model_config = ConfigDict(extra="forbid")

    answer: str | None = Field(default=None, max_length=2000)
    intent: IntentName | None = None


class _Named(BaseModel):
    dialogue: DialogueName


def conversation_routes(runtime: Runtime) -> list[BaseRoute]:
    """``POST /conversations/DIALOGUE`` says something, ``GET /conversations/DIALOGUE?after=``
    gives what was replied later; ``GET /tickets``, ``POST /tickets/ID/answer``."""
    exchange = Exchange(runtime)

    async def send(request: Request) -> Response:
        credential, body = credential_in(request), await _body(request, _Said)
        try:
            utterance = UtteranceReceived(
                person=body.person or credential.actor,
                dialogue=_dialogue(request),
                channel=body.channel,
                text=body.text,
            )
            reply = await exchange.send(utterance, credential, _PATIENCE_SECONDS)
        except NotPermitted as error:
            raise HTTPException(403, str(error)) from error
        except NoReply as error:
            raise HTTPException(504, str(error)) from error
        return JSONResponse(_shown(reply))

    async def replies(request: Request) -> Response:
        credential = credential_in(request)
        person = request.query_params.get("person") or credential.actor
        if person != credential.actor and not credential.may("represent"):
            raise HTTPException(403, "only who may represent others reads what they are told")
        after = request.query_params.get("after", "0")
        if not after.isascii() or not after.isdigit() or len(after) > 18:
            raise HTTPException(400, "after= is the time_us of a reply")
        found = await exchange.replies(_dialogue(request), person, int(after))
        return JSONResponse([_shown(reply) for reply in found])

    async def tickets(request: Request) -> Response:
        every = request.query_params.get("status") == "all"
        found = await list_tickets(runtime, credential_in(request), all=every)
        return JSONResponse([ticket._asdict() for ticket in found])

    async def answer(request: Request) -> Response:
        body = await _body(request, _Answer)
        try:
            made = await answer_ticket(
                runtime, credential_in(request), request.path_params["ticket"], body.answer,
                body.intent,
            )  # fmt: skip
        except UnknownTicket as error:
            raise HTTPException(404, str(error)) from error
        except TicketIsAnswered as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse({"type": made.type, **made.model_dump(mode="json")})

    return [
        guarded("read", "/conversations/{dialogue}", send, methods=["POST"]),
        guarded("read", "/conversations/{dialogue}", replies, methods=["GET"]),
        guarded("review", "/tickets", tickets, methods=["GET"]),
        guarded("review", "/tickets/{ticket}/answer", answer, methods=["POST"]),
    ]


def _dialogue(request: Request) -> str:
    try:
        return _Named(dialogue=request.path_params["dialogue"]).dialogue
    except ValidationError as error:
        raise HTTPException(404, "that is no name of a dialogue") from error


async def _body(request: Request, kind: type[B]) -> B:
    try:
        data = await limited(request, _MAX_BYTES, _TOO_LARGE).body()
        return kind.model_validate_json(data)
    except ClientDisconnect as error:
        raise HTTPException(400, "the request ended early") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise HTTPException(422, f"{place}: {first['msg']}" if place else first["msg"]) from error


def _shown(reply: Reply) -> dict[str, Any]:
    fields = reply.message.model_dump(mode="json", exclude={"person"})
    return {**fields, "time_us": reply.time_us}
