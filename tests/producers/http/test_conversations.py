"""Talking over HTTP: as oneself, for others through a gateway, and what reviewers answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from lineal.access.acts import Act
from lineal.access.tokens import create_token
from lineal.runtime import Runtime
from lineal_cli.examples.example_run import ExampleRun
from lineal_producers.http.application import application
from lineal_schemas.envelope import now_us
from tests.consumers.conversation.surgery import FILE

TALK = "/conversations/surgery"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[ExampleRun]:
    example = ExampleRun(tmp_path / "data")
    settings = {"conversation": {"folder": str(FILE.parent)}}
    async with example.running(["conversation", "conversation.learn"], settings):
        yield example


@pytest.fixture
async def client(running: ExampleRun) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(running.runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8480", timeout=60
    ) as opened:
        yield opened


async def token(runtime: Runtime, name: str, *acts: Act) -> dict[str, str]:
    _, secret = await runtime.store.write(
        partial(
            create_token, name=name, acts=frozenset(acts), user=None, types=None, expires=None,
            now=now_us(),
        )
    )  # fmt: skip
    return {"authorization": f"Bearer {secret}"}


async def test_everybody_talks_as_themselves_and_a_gateway_for_others(
    running: ExampleRun, client: httpx.AsyncClient
) -> None:
    reader = await token(running.runtime, "reader", "read")
    gateway = await token(running.runtime, "gateway", "read", "represent")
    said = {"text": "book an appointment with Dr Chen"}
    assert (await client.post(TALK, json=said)).status_code == 401
    mine = await client.post(TALK, json=said, headers=reader)
    assert (mine.status_code, mine.json()["expects"]) == (200, "day")
    other = {"text": "when are you open", "person": "bob", "channel": "sms"}
    assert (await client.post(TALK, json=other, headers=reader)).status_code == 403
    bobs = await client.post(TALK, json=other, headers=gateway)
    assert "from 8 to 18" in bobs.json()["text"]
    assert "Back to" not in bobs.json()["text"]
    seen = await client.get(f"{TALK}?person=bob", headers=gateway)
    assert [one["channel"] for one in seen.json()] == ["sms"]
    assert (await client.get(f"{TALK}?person=bob", headers=reader)).status_code == 403
    assert len((await client.get(TALK, headers=reader)).json()) == 1


async def test_a_reviewer_answers_and_the_person_is_told(
    running: ExampleRun, client: httpx.AsyncClient
) -> None:
    reader = await token(running.runtime, "reader", "read")
    reviewer = await token(running.runtime, "reviewer", "review")
    asked = await client.post(TALK, json={"text": "xylophones?"}, headers=reader)
    assert asked.json()["expects"] == "contact"
    assert (await client.get("/tickets", headers=reader)).status_code == 403
    (ticket,) = (await client.get("/tickets", headers=reviewer)).json()
    assert ticket["text"] == "xylophones?"
    where = f"/tickets/{ticket['ticket_id']}/answer"
    body = {"answer": "None here.", "intent": "opening_hours"}
    assert (await client.post(where, json=body, headers=reader)).status_code == 403
    assert (await client.post(where, json=body, headers=reviewer)).status_code == 200
    assert (await client.post(where, json=body, headers=reviewer)).status_code == 409
    assert (await client.post("/tickets/x/answer", json=body, headers=reviewer)).status_code == 404
    assert (await client.get("/tickets", headers=reviewer)).json() == []
    await running.until_idle()
    told = await client.get(f"{TALK}?after={asked.json()['time_us']}", headers=reader)
    assert [one["text"] for one in told.json()] == ["None here."]


async def test_what_cannot_be_said_is_answered_with_the_reason(
    running: ExampleRun, client: httpx.AsyncClient
) -> None:
    reader = await token(running.runtime, "reader", "read")
    empty = await client.post(TALK, json={"text": ""}, headers=reader)
    assert (empty.status_code, "text" in empty.text) == (422, True)
    assert (await client.post("/conversations/a%20b", json={"text": "x"}, headers=reader)
            ).status_code == 404  # fmt: skip
    unknown = await client.post("/conversations/nobody", json={"text": "hello"}, headers=reader)
    assert unknown.json()["text"].startswith("there is no dialogue 'nobody'; there are: surgery")


async def test_the_page_talks_and_escapes_what_was_said(
    running: ExampleRun, client: httpx.AsyncClient
) -> None:
    owner = await token(running.runtime, "owner", "read", "review", "publish")
    page = {"accept": "text/html", "origin": "http://127.0.0.1:8480", **owner}
    said = {"dialogue": "surgery", "text": "<b>when are you open</b>"}
    turn = await client.post("/console/talk/say", data=said, headers=page)
    assert turn.status_code == 200, turn.text
    assert "&lt;b&gt;when are you open" in turn.text
    assert "from 8 to 18" in turn.text
    assert "script-src 'self'" in turn.headers["content-security-policy"]
    shown = await client.get("/console/talk?dialogue=surgery", headers=page)
    assert "from 8 to 18" in shown.text
    empty = await client.post("/console/talk/say", data={**said, "text": " "}, headers=page)
    assert empty.status_code == 422
    await client.post(TALK, json={"text": "xylophones?"}, headers=owner)
    assert "xylophones?" in (await client.get("/console/tickets", headers=page)).text
