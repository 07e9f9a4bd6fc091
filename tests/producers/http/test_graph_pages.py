"""The pages of the graph lead from a concept to the places that mention it."""

from __future__ import annotations

import re
from html import unescape

import httpx

from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_producers.http.application import application
from lineal_schemas.entities import Mention
from lineal_schemas.results import Box
from tests.catalog.graph.mentioning import mention, put
from tests.producers.http.test_reviews import token

SEEN, HIDDEN = "d6750734-66d5-5f61-b6a2-f743bd814c17", "0b0f3c1e-1111-5f61-b6a2-f743bd814c17"


def _fill(connection: Connection) -> None:
    pain = mention("chest-pain", "negated").model_copy(
        update={"text": "<b>pain", "page": 3, "boxes": (Box(0.1, 0.2, 0.3, 0.04),)}
    )
    unsure: Mention = mention("chest-pain", score=0.5).model_copy(update={"text": "cp maybe"})
    odd = mention("PERSON:a/b").model_copy(update={"name": "Ann <i>"})
    put(connection, SEEN, pain, unsure, mention("dyspnea"), odd, about="Patient/ann")
    put(connection, HIDDEN, mention("chest-pain"), about="Patient/secret")
    for document, owner in ((SEEN, "token:ann"), (HIDDEN, "token:ben")):
        connection.execute(
            "INSERT INTO ownership (document_id, owner, since) VALUES (?, ?, 1)", (document, owner)
        )


async def test_a_concept_leads_to_page_and_place_of_what_may_be_seen(runtime: Runtime) -> None:
    await runtime.store.write(_fill)
    headers = await token(runtime, "ann", "read") | {"accept": "text/html"}
    transport = httpx.ASGITransport(application(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8480", headers=headers
    ) as client:
        listed = (await client.get("/console/graph")).text
        assert 'href="/console/graph/concepts/chest-pain"' in listed
        assert 'href="/console/graph/concepts/PERSON%3Aa/b"' in listed
        assert "Ann &lt;i&gt;" in listed
        narrowed = (await client.get("/console/graph", params={"q": "CHEST%"})).text
        assert "No document mentions such a concept." in narrowed

        shown = (await client.get("/console/graph/concepts/chest-pain")).text
        assert "&lt;b&gt;pain" in shown and "Patient/ann" in shown and "negated" in shown
        assert "cp maybe" not in shown
        assert "Patient/secret" not in shown
        places = [unescape(link) for link in re.findall(r'href="([^"]*[?]page=[^"]*)"', shown)]
        assert places == [f"/console/documents/{SEEN}?page=3&box=0.1%2C0.2%2C0.3%2C0.04"]

        unsure = await client.get("/console/graph/concepts/chest-pain", params={"min_score": "0.4"})
        assert "cp maybe" in unsure.text
        affirmed = await client.get(
            "/console/graph/concepts/chest-pain", params={"polarity": "affirmed"}
        )
        assert "No document mentions it so" in affirmed.text
        assert (await client.get("/console/graph/concepts/PERSON%3Aa/b")).status_code == 200
        assert (await client.get("/console/graph/concepts/unknown")).status_code == 404

        drawn = (await client.get("/console/graph/drawn/chest-pain")).json()
        assert {node["label"] for node in drawn["nodes"]} >= {"chest pain", "dyspnea", "Ann <i>"}
        assert "secret" not in str(drawn)
        assert drawn["edges"][0] == {"from": "c", "to": "d0", "label": "negated"}
