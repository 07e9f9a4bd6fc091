"""The graph over HTTP: by SPARQL's protocol, read only, and for each what they may see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from lineal.access.acts import Act
from lineal.access.tokens import create_token
from lineal.health import Health
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.visibility import restrict_source
from lineal_producers.http.application import application
from lineal_schemas.envelope import now_us
from tests.catalog.graph.mentioning import mention, put
from tests.producers.http.owner import as_owner

QUERY = """SELECT ?id WHERE {
  ?m lineal:concept [ skos:notation $concept ] ; lineal:foundIn ?d . ?d lineal:id ?id
}"""


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    await runtime.store.write(_notes)
    app = application(runtime, Health(runtime, list))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8480") as opened:
        yield opened


def _notes(connection: Connection) -> None:
    for name, readers in (("open", None), ("secret", ["token:ben"])):
        source = f"file:///{name}"
        connection.execute("INSERT INTO arrivals VALUES (?, 'e', ?, ?, 1)", (name, name, source))
        restrict_source(connection, name, source, readers)
        put(connection, name, mention("fever"))


async def headers_of(runtime: Runtime, name: str, act: Act = "read") -> dict[str, str]:
    _, secret = await runtime.store.write(
        partial(
            create_token, name=name, acts=frozenset({act}), user=None, types=None,
            expires=None, now=now_us(),
        )
    )  # fmt: skip
    return {"authorization": f"Bearer {secret}"}


async def test_each_way_of_asking_answers_what_who_asks_may_see(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    bound = {"set": "concept=fever"}
    direct = {"content-type": "application/sparql-query"}
    for headers, seen in (
        (as_owner(runtime.settings.data), ["open", "secret"]),
        (await headers_of(runtime, "ben"), ["open", "secret"]),
        (await headers_of(runtime, "cleo"), ["open"]),
    ):
        answers = [
            await client.get("/sparql", params={"query": QUERY, **bound}, headers=headers),
            await client.post("/sparql", data={"query": QUERY, **bound}, headers=headers),
            await client.post(
                "/sparql", params=bound, content=QUERY.encode(), headers=headers | direct
            ),
        ]
        for answer in answers:
            assert answer.status_code == 200, answer.text
            rows = answer.json()["results"]["bindings"]
            assert sorted(row["id"]["value"] for row in rows) == seen
        [fever] = (await client.get("/concepts", headers=headers)).json()
        assert fever["documents"] == len(seen)


async def test_csv_limits_and_refusals(client: httpx.AsyncClient, runtime: Runtime) -> None:
    owner = as_owner(runtime.settings.data)
    all_of_it = {"query": "SELECT ?s WHERE { ?s ?p ?o }", "limit": "3"}
    some = await client.get("/sparql", params=all_of_it, headers=owner | {"accept": "text/csv"})
    assert some.headers["lineal-truncated"] == "true"
    assert len(some.text.split()) == 4
    for query, says in (
        ("SELECT nonsense", "cannot be read"),
        ("DROP ALL", "cannot be read"),
        ("SELECT * WHERE { SERVICE <http://a.example/> { ?s ?p ?o } }", "SERVICE"),
        (QUERY, "concept=VALUE"),
        ("", "query=SPARQL"),
    ):
        answer = await client.get("/sparql", params={"query": query}, headers=owner)
        assert answer.status_code == 400
        assert says in answer.text
    update = await client.post(
        "/sparql",
        content=b"DROP ALL",
        headers=owner | {"content-type": "application/sparql-update"},
    )
    assert update.status_code == 415


async def test_who_may_not_read_is_refused(client: httpx.AsyncClient, runtime: Runtime) -> None:
    assert (await client.get("/sparql", params={"query": QUERY})).status_code == 401
    uploader = await headers_of(runtime, "dora", "upload")
    assert (await client.get("/concepts", headers=uploader)).status_code == 403
