"""Diagrams over HTTP: who may search, and who may correct."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from lineal.runtime import Runtime
from lineal_catalog.diagrams.effect import DiagramEntry
from lineal_producers.http.application import application
from lineal_producers.http.serving import LoopbackServer, bind_loopback
from lineal_schemas.diagrams import Appearance, DiagramCorrected, DiagramFound, ServiceLabel
from lineal_schemas.envelope import decode
from lineal_schemas.objects import ObjectRef
from tests.producers.http.owner import as_owner

URL = "https://example.org/a.png"


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    ref = ObjectRef(uri="x:", sha256="0" * 64, bytes=7, media_type="image/png")
    found = DiagramFound(
        url=URL, content=ref, width=9, height=9, methods=("text",),
        appearances=(Appearance(page="https://example.org/", caption="How orders are taken"),),
        labels=(
            ServiceLabel(service="AWS Lambda", score=90, by="text"),
            ServiceLabel(service="Amazon S3", score=50, by="text"),
        ),
    )  # fmt: skip
    await runtime.committer.publish([], [DiagramEntry(URL, found.model_dump_json())])
    server = LoopbackServer(application(runtime), bind_loopback(0))
    await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as opened:
        yield opened
    await server.stop()


async def test_diagrams_are_searched_by_those_who_may(
    runtime: Runtime, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/diagrams")).status_code == 401
    owner = as_owner(runtime.settings.data)
    asked = {"q": "taking orders", "service": ["lambda", "s3"]}
    (hit,) = (await client.get("/diagrams", params=asked, headers=owner)).json()
    assert hit["url"] == URL
    assert hit["score"] > 0
    sure = {**asked, "score": "60"}
    assert (await client.get("/diagrams", params=sure, headers=owner)).json() == []
    wrong = await client.get("/diagrams", params={"limit": "many"}, headers=owner)
    assert wrong.status_code == 400


async def test_a_correction_is_taken_of_a_diagram_that_there_is(
    runtime: Runtime, client: httpx.AsyncClient
) -> None:
    owner = as_owner(runtime.settings.data)
    said = {"url": URL, "services": ["Redis", "Redis"]}
    assert (await client.post("/diagrams", json=said)).status_code == 401
    answer = await client.post("/diagrams", json=said, headers=owner)
    assert answer.status_code == 202
    assert answer.json()["services"] == ["Redis"]
    (event,) = [decode(one.event) async for one in runtime.bus.read(DiagramCorrected.type)]
    assert isinstance(event.data, DiagramCorrected)
    unknown = {"url": "https://example.org/b.png", "services": []}
    assert (await client.post("/diagrams", json=unknown, headers=owner)).status_code == 404
    wrong = await client.post("/diagrams", json={"url": URL}, headers=owner)
    assert wrong.status_code == 422
    assert "services" in wrong.text
