"""Events of chosen types are posted, signed, tried again, and what became of them is on record."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_producers.http.serving import LoopbackServer, bind_loopback
from lineal_producers.webhooks import producer
from lineal_producers.webhooks.producer import WebhookSender
from lineal_producers.webhooks.settings import EndpointSettings
from lineal_schemas.documents import DocumentIndexed
from lineal_schemas.envelope import first_event
from lineal_schemas.webhooks import WebhookSent

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver:
    """A webhook that answers as it is asked to, then 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.received: list[tuple[dict[str, str], bytes]] = []

    async def take(self, request: Request) -> Response:
        self.received.append((dict(request.headers), await request.body()))
        return Response(status_code=self.answers.pop(0) if self.answers else 204)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    server = LoopbackServer(app, bind_loopback(0))
    await server.start()
    yield receiver, f"http://127.0.0.1:{server.port}/hook"
    await server.stop()


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = Settings.model_construct(data=tmp_path, durability="normal", partitions=1, workers=1)
    async with open_runtime(settings) as made:
        yield made


async def put(runtime: Runtime, number: int) -> None:
    event = first_event(
        DocumentIndexed(document_id=f"d{number}", pages=number), id=f"e{number}", source="test"
    )
    await runtime.bus.publish([(event.type, event)])


async def sent(runtime: Runtime, endpoint: EndpointSettings, count: int) -> list[WebhookSent]:
    """Post until so many events are done."""
    sender = WebhookSender(runtime, "crm", endpoint, first_seconds=0.001)
    running = asyncio.create_task(sender.run())
    found: list[WebhookSent] = []
    try:
        async with asyncio.timeout(180):
            async for delivery in runtime.bus.read(WebhookSent.type, follow=True):
                found.append(WebhookSent.model_validate_json(delivery.event.data))
                if len(found) == count:
                    return found
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return found


async def test_events_are_posted_signed_again_after_failures_and_each_is_on_record(
    runtime: Runtime, receiver: tuple[Receiver, str]
) -> None:
    hook, url = receiver
    endpoint = EndpointSettings.model_validate(
        {"url": url, "secret": SECRET, "types": ["document.*"], "attempts": 4}
    )
    for topic in (DocumentIndexed.type, WebhookSent.type):
        await runtime.bus.create_topic(topic)
    # The group begins with what comes once it is there.
    subscription = await runtime.bus.subscribe("webhook.crm", [DocumentIndexed.type])
    await subscription.close()
    for number in range(1, 5):
        await put(runtime, number)
    hook.answers = [503, 503, 204, 410, 503, 503, 503, 503, 204]
    found = await sent(runtime, endpoint, 4)
    assert [(one.event, one.attempts, one.delivered) for one in found] == [
        ("e1", 3, True), ("e2", 1, False), ("e3", 4, False), ("e4", 1, True)
    ]  # fmt: skip
    assert "410" in str(found[1].error)
    headers, body = hook.received[0]
    event = json.loads(body)
    assert (event["type"], event["data"]["document_id"]) == ("document.indexed", "d1")
    assert headers["content-type"] == "application/cloudevents+json"
    signed = b".".join((b"e1", headers["webhook-timestamp"].encode(), body))
    digest = hmac.new(KEY, signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert {one[0]["webhook-id"] for one in hook.received[:3]} == {"e1"}
    # What is done is not posted again by the next daemon.
    await put(runtime, 5)
    assert [one.event for one in await sent(runtime, endpoint, 5)][4:] == ["e5"]


async def test_types_that_no_event_has_are_named_where_an_endpoint_begins(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were passed over: who asked for documents.* waited for ever."""
    said: asyncio.Queue[list[str]] = asyncio.Queue()

    def warn(_: str, *, webhook: str, types: list[str]) -> None:
        said.put_nowait(types)

    monkeypatch.setattr(producer.log, "warning", warn, raising=False)
    endpoint = EndpointSettings(url="http://127.0.0.1:9", types=("documents.*", "document.indexed"))
    running = asyncio.create_task(WebhookSender(runtime, "crm", endpoint).run())
    async with asyncio.timeout(180):
        assert await said.get() == ["documents.*"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_what_follows_from_posting_is_not_posted() -> None:
    endpoint = EndpointSettings(url="https://crm.example.org", types=("*",))
    assert endpoint.takes("document.indexed")
    assert not endpoint.takes("webhook.sent")
    assert not endpoint.takes("lineal.outputs_withdrawn")
    with pytest.raises(ValidationError, match="are not posted"):
        EndpointSettings(url="https://crm.example.org", types=("webhook.sent",))
