"""Over HTTP, a document whose source has an access list is shown to those whom it lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from lineal.access.tokens import create_token
from lineal.health import Health
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.visibility import restrict_source
from lineal_catalog.search.entries import SearchPage, replace_document
from lineal_producers.http.application import application
from lineal_schemas.envelope import now_us
from tests.producers.http.owner import as_owner


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    app = application(runtime, Health(runtime, list))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8480") as opened:
        yield opened


def _letters(connection: Connection) -> None:
    """An open one, with which a restricted one came."""
    for name, readers in (("open", None), ("secret", ["token:ben"])):
        source = f"file:///{name}"
        connection.execute(
            "INSERT INTO registry VALUES (?, 'default', ?, NULL, NULL, NULL, 1)", (name, name)
        )
        connection.execute("INSERT INTO arrivals VALUES (?, 'e', ?, ?, 1)", (name, name, source))
        restrict_source(connection, name, source, readers)
        replace_document(connection, name, [SearchPage(1, "turbine")], {})
    connection.execute("INSERT INTO attachments VALUES ('secret', 'open', 1)")


async def test_others_find_neither_the_document_nor_its_name(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    await runtime.store.write(_letters)
    shown = {"owner": as_owner(runtime.settings.data)}
    for name in ("ben", "cleo"):
        _, secret = await runtime.store.write(
            partial(
                create_token, name=name, acts=frozenset({"read"}), user=None, types=None,
                expires=None, now=now_us(),
            )
        )  # fmt: skip
        shown[name] = {"authorization": f"Bearer {secret}"}
    for who, seen in (("owner", True), ("ben", True), ("cleo", False)):
        headers = shown[who]
        hits = (await client.get("/search?q=turbine", headers=headers)).json()
        assert {"secret" in str(hits), "open" in str(hits)} == {seen, True}
        listed = (await client.get("/documents", headers=headers)).json()
        assert {item["document_id"] for item in listed} == {"open", *(["secret"] if seen else [])}
        for path in ("/documents/secret", "/documents/sec", "/documents/secret/text"):
            answer = await client.get(path, headers=headers)
            assert ("no document" in answer.text) is not seen
        parents = (await client.get("/documents/open", headers=headers)).json()["parents"]
        assert bool(parents) is seen
