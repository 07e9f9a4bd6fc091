"""What who may publish tries to have taken for lineal's own word, in many ways, over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineal.access.acts import read_acts
from lineal.access.tokens import create_token
from lineal.effects.records import lineage_records
from lineal.events import types_of_lineal
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.objects import put_small_objects
from lineal_catalog.documents.visibility import restrict_source
from lineal_producers.http.application import application
from tests.lineage.records import one_step
from tests.producers.http.owner import as_owner

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


class Door:
    """The HTTP service, and a token of each role."""

    def __init__(self, runtime: Runtime, http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
        self.runtime = runtime
        self.http = http
        self._tokens = tokens

    def headers(self, role: str = "uploader") -> dict[str, str]:
        return {"authorization": f"Bearer {self._tokens[role]}"}

    async def send(self, role: str = "uploader", **event: Any) -> httpx.Response:
        whole = {
            "specversion": "1.0", "id": "1", "source": "urn:scanner", "type": "document.arrived",
            "datacontenttype": "application/json", "data": arrival(), **event,
        }  # fmt: skip
        return await self.http.post(
            "/events",
            headers={**self.headers(role), "content-type": STRUCTURED},
            content=json.dumps(whole),
        )

    async def taken(self) -> list[Any]:
        return [delivery.event async for delivery in self.runtime.bus.read("document.arrived")]


def arrival(**fields: Any) -> dict[str, Any]:
    return {"name": "a", "source": "urn:scanner/a", "problem": "cannot be read", **fields}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    data = tmp_path / "data"
    async with open_runtime(Settings(data=data, durability="normal")) as runtime:
        tokens = {}
        for role in ("reader", "uploader", "reviewer", "operator", "owner"):
            _, tokens[role] = await runtime.store.write(
                lambda c, r=role: create_token(  # type: ignore[misc]
                    c, r, read_acts(r), user=None, types=None, expires=None, now=1
                )
            )
        await runtime.bus.create_topic("document.arrived")
        transport = httpx.ASGITransport(application(runtime))
        base = "http://127.0.0.1:8480"
        async with httpx.AsyncClient(transport=transport, base_url=base) as http:
            yield Door(runtime, http, tokens)


TAKEN = {"document.arrived", "utterance.received", "fulfilment.completed", "click.received",
         "click.visit_labelled"}  # fmt: skip
"""What others bring: no stage makes it, and the stages that take it ask who sent it."""


async def test_no_role_publishes_an_event_that_is_lineals_own(door: Door) -> None:
    """By every type there is, in four ways of saying it; not even an owner's token does."""
    passed = []
    for kind in sorted(types_of_lineal() - TAKEN):
        event = {"specversion": "1.0", "id": "1", "source": "u", "type": kind, "data": {}}
        own = [("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-id", "1"),
               ("ce-source", "u"), ("ce-type", kind)]  # fmt: skip
        ways: list[tuple[list[tuple[str, str]], str]] = [
            ([("content-type", STRUCTURED)], json.dumps(event)),
            ([("content-type", "Application/CloudEvents+JSON ; charset=utf-8")], json.dumps(event)),
            ([("content-type", BATCH)], json.dumps([event])),
            (own, "{}"),
            ([*own, ("ce-type", "document.arrived")], "{}"),
        ]
        for role in ("uploader", "operator", "owner"):
            shown = list(door.headers(role).items())
            for headers, body in ways:
                answer = await door.http.post("/events", headers=shown + headers, content=body)
                if answer.status_code not in (400, 403):
                    passed.append((role, kind, headers, answer.status_code))
    assert not passed
    assert await door.taken() == []


@pytest.mark.parametrize(
    "event",
    [
        *({"type": kind} for kind in (
            "Deployment.Requested", "deployment.requested ", "deployment.requested\0",
            "deployment\u2024requested", "deployment.requested\t", "lineal.lineage", "lineal.dead",
            "dead.deploy", "redrive.deploy", "../document.arrived",
        )),
        *({"source": source} for source in (
            "lineal:stage/deploy", "lineal:group/ocr", "lineal:cli/deploy", "LINEAL:cli/deploy",
            " lineal:http", "http:upload/a", "file:///inbox/a.pdf", "FILE:///inbox/a.pdf",
            "document:d1/1", "imaps://mail/INBOX;UID=1", "s3://bucket/key",
        )),
        {"data": arrival(parent="d1", depth=1)},
        {"data": arrival(depth=4)},
        {"datacontenttype": "application/vnd.lineal.reference+json", "data": {"uri": "lineal:x"}},
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_dressed_up_as_lineals_own_is_refused(door: Door, event) -> None:
    answer = await door.send(**event)
    assert answer.status_code in (403, 422), answer.text
    assert await door.taken() == []


async def test_what_an_event_says_of_its_sender_cause_and_place_counts_for_nothing(
    door: Door,
) -> None:
    answer = await door.send(
        actor="user:root", mark="m", causationid="c", supersedes="s", correlationid="document:d1",
        subject="document:d1", partitionkey="d1",
    )  # fmt: skip
    assert answer.status_code == 202
    [event] = await door.taken()
    assert event.actor == "token:uploader"
    assert (event.mark, event.causationid, event.supersedes) == (None, None, None)
    assert "d1" not in (event.subject, event.correlationid, event.partitionkey)


async def test_a_stored_object_is_named_only_by_who_may_see_its_document(door: Door) -> None:
    """Else who may not see a document would become one of its sources, and see it."""
    data = b"a secret letter"
    digest = hashlib.sha256(data).hexdigest()
    content = {
        "uri": f"lineal:objects/{digest}", "sha256": digest, "bytes": len(data),
        "media_type": "text/plain",
    }  # fmt: skip
    await door.runtime.store.write(lambda c: put_small_objects(c, [data]))
    named = arrival(content=content, problem=None)
    assert (await door.send("uploader", data=named)).status_code == 403
    assert (await door.send("operator", data=named)).status_code == 403, "of no document at all"
    uploaded = await door.http.post(
        "/documents?name=letter.txt", headers=as_owner(door.runtime.settings.data), content=data
    )
    document = uploaded.json()[0]["document_id"]
    await door.runtime.store.write(lambda c: _register(c, document, digest))
    assert (await door.send("operator", id="2", data=named)).status_code == 202
    await door.runtime.store.write(
        lambda c: restrict_source(c, document, "http:upload/letter.txt", ["cleo"])
    )
    assert (await door.send("operator", id="3", data=named)).status_code == 403
    assert (await door.send("owner", id="4", data=named)).status_code == 202


def _register(connection: Any, document_id: str, digest: str) -> None:
    connection.execute(
        "INSERT INTO registry VALUES (?, 'default', 'letter.txt', ?, 15, 'text/plain', 1)",
        (document_id, digest),
    )
    connection.execute(
        "INSERT INTO arrivals VALUES (?, 'e', 'letter.txt', 'http:upload/letter.txt', 1)",
        (document_id,),
    )


async def test_a_reader_changes_nothing(door: Door) -> None:
    await door.runtime.committer.publish((), lineage_records([one_step("document:d1")]))
    for method, path in (
        ("POST", "/documents?name=x"), ("POST", "/events"), ("POST", "/documents/d1/redactions"),
        ("POST", "/reviews/next"), ("POST", "/label-jobs"), ("GET", "/metrics"),
        ("DELETE", "/documents/d1"), ("PUT", "/documents/d1/original"), ("PATCH", "/documents/d1"),
    ):  # fmt: skip
        answer = await door.http.request(
            method, path, headers=door.headers("reader"), content=b"{}"
        )
        assert answer.status_code in (403, 404, 405), (method, path, answer.status_code)
