"""Documents are put under the sender's own name, unless their role represents others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineal.access.acts import read_acts
from lineal.access.tokens import create_token
from lineal.access.users import add_user
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_producers.http.application import application
from lineal_schemas.conversations import UtteranceReceived
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import decode_payload


class Sender:
    """The service, and what was made for those who send to it."""

    def __init__(self, runtime: Runtime, http: httpx.AsyncClient) -> None:
        self.runtime = runtime
        self.http = http

    async def token(
        self, name: str, scope: str, *, user: str | None = None, owner: str | None = None
    ) -> dict[str, str]:
        make = partial(
            create_token, name=name, acts=read_acts(scope), user=user, types=None, expires=None,
            now=1, owner=owner,
        )  # fmt: skip
        return {"authorization": f"Bearer {(await self.runtime.store.write(make))[1]}"}

    async def put(
        self, shown: dict[str, str], owner: str | None = None, *, form: bool = False
    ) -> int:
        query = {} if owner is None else {"owner": owner}
        if form:
            answer = await self.http.post(
                "/documents", headers=shown, data=query, files={"file": ("a.txt", b"text")}
            )
        else:
            query["name"] = "a.txt"
            answer = await self.http.post("/documents", params=query, headers=shown, content=b"a")
        if answer.status_code == 403:
            assert "lineal token create" in answer.text
        return answer.status_code

    async def send(self, shown: dict[str, str], kind: str, data: dict[str, Any]) -> int:
        event = {"specversion": "1.0", "id": json.dumps(data), "source": "urn:x", "type": kind}
        headers = {**shown, "content-type": "application/cloudevents+json"}
        body = json.dumps({**event, "datacontenttype": "application/json", "data": data})
        return (await self.http.post("/events", headers=headers, content=body)).status_code

    async def owners(self) -> list[str | None]:
        found = []
        async for delivery in self.runtime.bus.read(DocumentArrived.type):
            payload = decode_payload(delivery.event)
            assert isinstance(payload, DocumentArrived)
            found.append(payload.owner)
        return found


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    async with open_runtime(Settings(data=tmp_path / "data", durability="normal")) as runtime:
        for name, role in (("ann", "uploader"), ("olga", "operator")):
            await runtime.store.write(
                partial(add_user, name=name, role=role, password=None, now=1)  # type: ignore[arg-type]
            )
        for topic in (DocumentArrived.type, UtteranceReceived.type):
            await runtime.bus.create_topic(topic)
        transport = httpx.ASGITransport(application(runtime))
        base = "http://127.0.0.1:8480"
        async with httpx.AsyncClient(transport=transport, base_url=base) as http:
            yield Sender(runtime, http)


@pytest.mark.parametrize("form", [False, True], ids=["body", "form"])
async def test_an_uploader_puts_documents_under_their_own_name_alone(
    sender: Sender, form: bool
) -> None:
    ann = await sender.token("scanner", "uploader", user="ann")
    nobody = await sender.token("feeder", "uploader")
    assert await sender.put(ann, "ann", form=form) == 202
    assert await sender.put(ann, form=form) == 202
    assert await sender.put(nobody, form=form) == 202
    for shown, owner in ((ann, "ben"), (ann, "user:ben"), (nobody, "ann"), (nobody, "feeder")):
        assert await sender.put(shown, owner, form=form) == 403
    assert await sender.owners() == ["ann", None, None]


async def test_an_operator_and_a_token_with_the_scope_name_any_owner(sender: Sender) -> None:
    olga = await sender.token("desk", "operator", user="olga")
    intake = await sender.token("intake", "upload,represent")
    # A token never represents others where its user may not.
    anns = await sender.token("anns", "upload,represent", user="ann")
    assert await sender.put(olga, "ben") == 202
    assert await sender.put(intake, "ben") == 202
    assert await sender.put(anns, "ben") == 403
    assert await sender.owners() == ["ben", "ben"]


async def test_a_token_that_is_bound_to_an_owner_puts_everything_under_that_name(
    sender: Sender,
) -> None:
    for scope in ("upload", "owner"):
        bound = await sender.token(f"bound-{scope}", scope, owner="archive")
        assert await sender.put(bound) == 202
        assert await sender.put(bound, "archive") == 202
        assert await sender.put(bound, "ann") == 403
    assert await sender.owners() == ["archive"] * 4


async def test_an_event_of_an_arrival_names_nobody_else_either(sender: Sender) -> None:
    ann = await sender.token("scanner", "uploader", user="ann")
    bound = await sender.token("bound", "upload,publish", owner="archive")
    intake = await sender.token("intake", "publish,represent")
    arrival = {"name": "a", "source": "urn:a", "problem": "cannot be read"}
    kind = DocumentArrived.type
    assert await sender.send(ann, kind, {**arrival, "owner": "ann"}) == 202
    assert await sender.send(ann, kind, {**arrival, "owner": "ben"}) == 403
    assert await sender.send(bound, kind, {**arrival, "owner": "archive"}) == 202
    assert await sender.send(bound, kind, arrival) == 403
    # Nobody hides what others see behind an access list of their own.
    assert await sender.send(ann, kind, {**arrival, "readers": ["ann"]}) == 403
    hidden = {**arrival, "owner": "ben", "readers": ["ben"]}
    assert await sender.send(intake, kind, hidden) == 202
    assert await sender.owners() == ["ann", "archive", "ben"]


async def test_nobody_says_something_in_a_conversation_of_somebody_else(sender: Sender) -> None:
    ann = await sender.token("phone", "uploader", user="ann")
    gateway = await sender.token("gateway", "publish,represent")
    said = {"dialogue": "surgery", "channel": "sms", "text": "cancel my appointment"}
    kind = UtteranceReceived.type
    assert await sender.send(ann, kind, {**said, "person": "user:ben"}) == 403
    assert await sender.send(ann, kind, {**said, "person": "token:phone of ann"}) == 202
    assert await sender.send(gateway, kind, {**said, "person": "+49 30 1"}) == 202
    talk = "/conversations/surgery"
    other = {"text": "cancel", "person": "user:ben"}
    assert (await sender.http.post(talk, json=other, headers=ann)).status_code == 403
    read = await sender.http.get(talk, params={"person": "user:ben"}, headers=ann)
    assert read.status_code == 403
