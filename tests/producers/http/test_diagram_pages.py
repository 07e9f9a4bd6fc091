"""The pages of diagrams and of links between regions."""

from __future__ import annotations

import httpx

from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_producers.http.application import application
from lineal_schemas.diagrams import Appearance, DiagramCorrected, DiagramFound, ServiceLabel
from tests.producers.http.test_reviews import token

URL = "https://example.org/a.png?x=1&y=<script>"
HOSTILE = "<script>alert(1)</script>\u202e"


def browser(runtime: Runtime, headers: dict[str, str]) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application(runtime), raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://127.0.0.1:8480",
        headers=headers | {"accept": "text/html"},
    )


async def with_diagram(runtime: Runtime) -> None:
    found = DiagramFound(
        url=URL,
        content=reference("0" * 64, 1, "image/png"),
        appearances=(Appearance(page="https://example.org/", title=HOSTILE, caption="uploads"),),
        width=10,
        height=10,
        labels=(ServiceLabel(service="AWS Lambda", score=91, by="icon"),),
        methods=("icon",),
    )
    await runtime.store.write(
        lambda c: c.execute(
            "INSERT INTO diagrams (url, found) VALUES (?, ?)", (URL, found.model_dump_json())
        )
    )


async def test_diagrams_are_listed_by_service_and_shown_with_what_pages_say(
    runtime: Runtime,
) -> None:
    await with_diagram(runtime)
    async with browser(runtime, await token(runtime, "ann", "read")) as client:
        listed = (await client.get("/console/diagrams?service=lambda")).text
        assert "AWS Lambda" in listed and "&lt;script&gt;alert(1)" in listed
        assert "AWS Lambda" not in (await client.get("/console/diagrams?service=queue")).text
        [address] = [
            line.split('"')[1] for line in listed.split("href=") if "/diagrams/one" in line
        ]
        shown = (await client.get(address)).text
        for wanted in ("AWS Lambda", "91", "uploads", "https://example.org/"):
            assert wanted in shown
        assert HOSTILE not in listed + shown
        assert "/correct" not in shown
        assert (await client.get("/console/diagrams/one?url=other")).status_code == 404


async def test_a_reviewer_corrects_a_diagram_and_a_reader_may_not(runtime: Runtime) -> None:
    await with_diagram(runtime)
    said = {"url": URL, "services": "AWS Lambda\n Amazon S3 \n"}
    async with browser(runtime, await token(runtime, "ann", "read")) as client:
        assert (await client.post("/console/diagrams/correct", data=said)).status_code == 403
    async with browser(runtime, await token(runtime, "bob", "read", "review")) as client:
        shown = await client.get("/console/diagrams/one", params={"url": URL})
        assert 'action="/console/diagrams/correct"' in shown.text
        assert (await client.post("/console/diagrams/correct", data=said)).status_code == 303
        long = said | {"services": "x" * 5000}
        assert (await client.post("/console/diagrams/correct", data=long)).status_code == 422
    events = [item async for item in events_on_topic(runtime, DiagramCorrected, URL)]
    assert [event.data.services for event in events] == [("AWS Lambda", "Amazon S3")]


async def test_links_between_regions_are_shown_to_operators(runtime: Runtime) -> None:
    async with browser(runtime, await token(runtime, "ann", "read")) as client:
        assert (await client.get("/console/regions")).status_code == 403
    async with browser(runtime, await token(runtime, "cat", "read", "replay")) as client:
        assert "No link is set up" in (await client.get("/console/regions")).text
