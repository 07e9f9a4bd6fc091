"""Uploads and answers over HTTP."""

from __future__ import annotations

import asyncio
import errno
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx
import pytest

from lineal.daemon import Daemon
from lineal.effects.records import lineage_records
from lineal.health import Health
from lineal.lineage.record import Artifact
from lineal.runtime import Runtime
from lineal_consumers.register.stage import register
from lineal_producers.http.application import application
from tests.lineage.records import one_step
from tests.producers.arrivals import arrived, content, until
from tests.producers.http.owner import as_owner


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
async def client(runtime: Runtime, problems: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    app = application(runtime, Health(runtime, lambda: problems))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://127.0.0.1:8480",
        headers=as_owner(runtime.settings.data),
    ) as opened:
        yield opened


@asynccontextmanager
async def registering(runtime: Runtime) -> AsyncIterator[None]:
    daemon = Daemon(runtime, [register])
    await daemon.start()
    try:
        yield
    finally:
        await daemon.stop()


async def test_a_form_with_several_files(client: httpx.AsyncClient, runtime: Runtime) -> None:
    answer = await client.post(
        "/documents",
        files=[("file", ("a.txt", b"aaa")), ("more", ("b c.txt", b"bbb"))],
        data={"owner": "ann", "label": ["year=2026", "kind=note"]},
    )
    assert answer.status_code == 202
    first, second = await arrived(runtime)
    assert [item["name"] for item in answer.json()] == ["a.txt", "b c.txt"]
    assert [item["document_id"] for item in answer.json()] == [
        first.data.document_id,
        second.data.document_id,
    ]
    assert {item["status"] for item in answer.json()} == {"registered"}
    assert await content(runtime, second) == b"bbb"
    assert (first.data.owner, first.data.labels) == ("ann", {"kind": "note", "year": "2026"})


async def test_a_raw_body_larger_than_memory_is_allowed(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    body = b"x" * 1_000_000
    answer = await client.post("/documents?name=..%2Fa.bin&owner=bob&label=k%3Dv", content=body)
    assert answer.status_code == 202
    (arrival,) = await arrived(runtime)
    assert (arrival.name, arrival.data.owner, arrival.data.labels) == (
        "../a.bin",
        "bob",
        {"k": "v"},
    )
    assert await content(runtime, arrival) == body


async def test_a_repeated_request_with_a_key_is_the_same_arrival(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    for key in ("one", "one", "two"):
        headers = {"idempotency-key": key}
        await client.post("/documents?name=a.txt", content=b"a", headers=headers)
    ids = [arrival.event_id for arrival in await arrived(runtime)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("path", "options", "status", "word"),
    [
        ("/documents", {"content": b"x"}, 400, "name="),
        ("/documents?name=a&label=x", {"content": b"x"}, 400, "KEY=VALUE"),
        ("/documents", {"data": {"a": "b"}, "files": {}}, 400, "name="),
        ("/documents?name=a", {"content": b"x" * 2_000_000}, 413, "larger"),
        (
            "/documents",
            {"content": b"--x", "headers": {"content-type": "multipart/form-data"}},
            400,
            "form",
        ),
    ],
)
async def test_what_is_wrong_with_an_upload_is_said(
    client: httpx.AsyncClient,
    runtime: Runtime,
    path: str,
    options: dict[str, Any],
    status: int,
    word: str,
) -> None:
    answer = await client.post(path, **options)
    assert (answer.status_code, word in answer.json()["error"]) == (status, True), answer.text
    assert await arrived(runtime) == []


async def test_a_body_without_announced_length_is_limited_too(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000

    answer = await client.post("/documents?name=a", content=endless())
    assert answer.status_code == 413
    assert await arrived(runtime) == []


async def test_a_full_disk_is_told_and_nothing_announced(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(source: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runtime.objects, "put_file", full)
    answer = await client.post("/documents?name=a", content=b"x")
    assert answer.status_code == 507
    assert "room" in answer.json()["error"]
    assert await arrived(runtime) == []


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"host": "evil.example:8480"}, {"origin": "http://evil.example"},
     {"origin": "null"}, {"host": ""}],
)  # fmt: skip
async def test_web_pages_are_kept_out(
    client: httpx.AsyncClient, runtime: Runtime, headers: dict[str, str]
) -> None:
    answer = await client.post("/documents?name=a", content=b"x", headers=headers)
    assert answer.status_code == 403
    assert await arrived(runtime) == []


@pytest.mark.parametrize("host", ["localhost:8480", "127.0.0.1", "[::1]:8480"])
async def test_loopback_names_are_answered(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/healthz", headers={"host": host})).status_code == 200


async def test_documents_are_listed_and_given_out(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    body = b"<script>alert(1)</script>"
    await client.post("/documents?name=a.html&owner=ann&label=k%3Dv", content=body)
    async with registering(runtime):
        await until(lambda: listed(client))
    (document,) = (await client.get("/documents")).json()
    assert document | {"document_id": ""} == {
        "document_id": "", "name": "a.html", "status": "registered", "reason": None,
        "owner": "ann", "labels": {"k": "v"}, "tags": [], "label_sources": {},
        "pages": None, "arrivals": 1,
    }  # fmt: skip
    address = f"/documents/{document['document_id']}"
    attached = {"parents": [], "attachments": [], "source_deleted": False}
    assert (await client.get(address)).json() == document | attached
    original = await client.get(f"{address}/original")
    assert original.content == body
    assert original.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in original.headers["content-security-policy"]
    assert (await client.get("/documents?owner=bob")).json() == []
    assert (await client.get("/documents?label=k%3Dv&status=registered&limit=1")).json() == [
        document
    ]
    later = await client.get(f"{address}/text")
    assert (later.status_code, "registered" in later.json()["error"]) == (404, True)
    unknown = await client.get(f"{address}/docx")
    assert "original, text, json, csv, pdf" in unknown.json()["error"]


async def test_the_json_form_holds_text_and_analysis(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    (document,) = (await client.post("/documents?name=a.txt", content=b"text")).json()
    parts = {"result": b'{"text":"text"}', "analysis": b'{"language":"en"}'}
    made = []
    for role, part in parts.items():
        packed = gzip.compress(part)
        await runtime.objects.put_large(packed)
        made.append(Artifact(sha256(packed).hexdigest(), "application/gzip", len(packed), role))
    async with registering(runtime):
        await until(lambda: listed(client))
    root = f"document:{document['document_id']}"
    for item in made:
        record = one_step(root, outputs=[item])
        await runtime.committer.publish((), lineage_records([record]))
    answer = await client.get(f"/documents/{document['document_id']}/json")
    assert answer.json() == {"text": "text", "language": "en"}


async def listed(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/documents")).json())


@pytest.mark.parametrize(
    ("path", "status"),
    [("/documents/nosuch", 404), ("/nowhere", 404), ("/search", 400), ("/search?q=a&limit=x", 400),
     ("/documents?status=lost", 400), ("/search?q=a&filter=x", 400)],
)  # fmt: skip
async def test_wrong_questions_get_an_error_as_json(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_searches_answer_a_list(client: httpx.AsyncClient) -> None:
    assert (await client.get('/search?q="a phrase" OR (')).json() == []


async def test_readiness_follows_what_has_to_work(
    client: httpx.AsyncClient, runtime: Runtime, problems: list[str]
) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ready", "reasons": []}
    problems.append("stage nlp has ended")
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["stage nlp has ended"])
    assert (await client.get("/healthz")).status_code == 200


async def test_readiness_ends_with_the_database(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runtime.database, "write", full)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "cannot be written" in answer.json()["reasons"][0]


async def test_metrics_name_topics_and_lag(client: httpx.AsyncClient, runtime: Runtime) -> None:
    await client.post("/documents?name=a", content=b"x")
    async with registering(runtime):
        await asyncio.sleep(0)
    text = (await client.get("/metrics")).text
    assert 'lineal_topic_events{topic="document.arrived"} 1.0' in text
    assert 'lineal_group_lag{group="register",topic="document.arrived"}' in text
