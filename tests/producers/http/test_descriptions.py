"""Tags and labels of documents over HTTP, by who may review."""

from __future__ import annotations

import httpx

from lineal.runtime import Runtime
from tests.producers.http.test_classes import ID, _register
from tests.producers.http.test_reviews import client, token

__all__ = ["client"]


async def test_who_may_review_gives_tags_and_who_may_read_counts_them(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    await runtime.store.write(_register)
    reader = await token(runtime, "r", "read")
    reviewer = await token(runtime, "v", "read", "review")
    at = f"/documents/{ID}/description"
    said = {"add": ["tax"], "labels": {"correspondent": "Acme"}}
    assert (await client.post(at, headers=reader, json=said)).status_code == 403
    refused: tuple[object, ...] = (
        {}, [], {"tags": ["a"]}, {"add": [""]}, {"labels": {"class": "x"}},
        {"labels": {"date": "soon"}},
    )  # fmt: skip
    for wrong in refused:
        assert (await client.post(at, headers=reviewer, json=wrong)).status_code == 422
    assert (await client.post(at, headers=reviewer, content=b"{")).status_code == 400
    unknown = at.replace("1", "3")
    assert (await client.post(unknown, headers=reviewer, json=said)).status_code == 404
    answer = await client.post(at, headers=reviewer, json=said)
    assert (answer.status_code, answer.json()["document_id"]) == (202, ID)

    await runtime.store.write(
        lambda c: c.execute("INSERT INTO labels VALUES (?, 'tax', '')", (ID,))
    )
    assert (await client.get("/tags", headers=reader)).json() == [{"tag": "tax", "documents": 1}]
