"""What is asked over HTTP is answered from Postgres as well, and with 503 while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from lineal.health import Health
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.store.connection import Connection
from lineal.store.postgres.store import PostgresStore
from lineal_catalog.search.entries import SearchPage, replace_document
from lineal_local.postgres import Postgres
from lineal_producers.http.application import application
from tests.producers.http.owner import as_owner


def fill(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO registry (document_id, tenant, name, registered) VALUES (?, ?, ?, ?)",
        ("d-1", "default", "letter.txt", 1),
    )
    replace_document(connection, "d-1", [SearchPage(1, "about gearboxes")], {})


@pytest.fixture
async def client(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.chdir(tmp_path)
    store = PostgresStore(postgres_url)
    await store.open()
    await store.write(fill)
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as embedded:
        runtime = replace(embedded, store=store)
        app = application(runtime, Health(runtime, list))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        base = "http://127.0.0.1:8480"
        async with httpx.AsyncClient(
            transport=transport, base_url=base, headers=as_owner(settings.data)
        ) as opened:
            yield opened
    await store.close()


async def test_documents_and_searches_are_answered(client: httpx.AsyncClient) -> None:
    [document] = (await client.get("/documents")).json()
    assert (document["document_id"], document["name"]) == ("d-1", "letter.txt")
    [hit] = (await client.get("/search", params={"q": "gearbox*"})).json()
    assert (hit["name"], hit["page"], hit["snippet"]) == ("letter.txt", 1, "about gearboxes")
    assert (await client.get("/readyz")).status_code == 200


async def test_a_store_that_is_away_is_said_to_be_and_comes_back(
    client: httpx.AsyncClient, postgres: Postgres
) -> None:
    ask = partial(client.get, "/documents")
    await asyncio.to_thread(postgres.kill)
    answer = await ask()
    assert answer.status_code == 503
    assert "try again" in answer.json()["error"]
    assert (await client.get("/readyz")).status_code == 503
    await asyncio.to_thread(postgres.restart)
    assert (await ask()).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
