"""A page that talks with a dialogue, and the tickets that conversations left to people."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal_catalog.conversations.exchange import Exchange, NoReply
from lineal_catalog.conversations.tickets import answer_ticket, list_tickets
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_schemas.conversations import UtteranceReceived

TALK = Page("talk", "Talk", section="flow", order=60)
TICKETS = Page("tickets", "Tickets", act="review", section="review", order=30)
PAGES = (TALK, TICKETS)
_CHANNEL = "console"
_PATIENCE_SECONDS = 20.0


def _exchange(request: PageRequest) -> Exchange:
    return request.console.shared("talk", lambda: Exchange(request.runtime))


@TALK.get()
async def show(request: PageRequest) -> Response:
    """What was said of the last day, and a line to say something in."""
    names = _dialogues(request)
    chosen = request.query("dialogue") or (names[0] if names else "")
    replies = []
    if chosen:
        replies = await _exchange(request).replies(chosen, request.credential.actor, 0)
    return request.render(
        "talk.html", dialogues=names, chosen=chosen, replies=replies,
        after=replies[-1].time_us if replies else 0,
    )  # fmt: skip


def _dialogues(request: PageRequest) -> list[str]:
    """The dialogues in the folder of the stage's settings, where it is on this machine."""
    given = request.runtime.settings.stages.get("conversation", {})
    folder = Path(str(given.get("folder", "dialogues")))
    return sorted(file.stem for file in folder.glob("*.toml"))


@TALK.post("/say")
async def send(request: PageRequest) -> Response:
    """Say something; the part of the page with what was said and what was replied."""
    form = await request.form()
    text = str(form.get("text", "")).strip()
    try:
        utterance = UtteranceReceived(
            person=request.credential.actor,
            dialogue=str(form.get("dialogue", "")),
            channel=_CHANNEL,
            text=text,
        )
    except ValidationError as error:
        message = request.text("Say something, in at most 2,000 characters.")
        raise HTTPException(422, message) from error
    problem, replies = "", []
    try:
        replies = [await _exchange(request).send(utterance, request.credential, _PATIENCE_SECONDS)]
    except NoReply as error:
        problem = str(error)
    return request.render(
        "talk_turn.html", text=text, replies=replies, problem=problem,
        chosen=utterance.dialogue, after=replies[-1].time_us if replies else 0,
    )  # fmt: skip


@TALK.get("/further")
async def further(request: PageRequest) -> Response:
    """What was replied later, as when a task is done."""
    after = request.query("after", "0")
    after_us = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    chosen = request.query("dialogue")
    replies = await _exchange(request).replies(chosen, request.credential.actor, after_us)
    return request.render(
        "talk_turn.html", text="", replies=replies, problem="", chosen=chosen,
        after=replies[-1].time_us if replies else after_us,
    )  # fmt: skip


@TICKETS.get()
async def tickets(request: PageRequest) -> Response:
    """What waits for somebody."""
    found = await list_tickets(request.runtime, request.credential)
    return request.render("tickets.html", tickets=found)


@TICKETS.post("/{ticket}/answer")
async def answer(request: PageRequest) -> Response:
    """Answer one: the person is told, and the text is learnt."""
    form = await request.form()
    text, intent = str(form.get("answer", "")).strip(), str(form.get("intent", "")).strip()
    try:
        await answer_ticket(
            request.runtime, request.credential, request.path("ticket"), text, intent
        )
    except ValidationError as error:
        raise HTTPException(
            422, request.text("An answer has at most 2,000 characters; an intent is a name.")
        ) from error
    return request.redirect(TICKETS.url, request.text("The ticket is answered."))
