"""The queue over HTTP: two people on one item are told, and lose nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from lineal.access.acts import Act
from lineal.access.tokens import create_token
from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, digest
from lineal.runtime import Runtime
from lineal_catalog.reviews.projection import REQUEST_ROLE
from lineal_producers.http.application import application
from lineal_schemas.envelope import now_us
from lineal_schemas.payload import payload_bytes
from lineal_schemas.reviews import ReviewRequested
from tests.lineage.records import one_step


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8480") as opened:
        yield opened


async def token(runtime: Runtime, name: str, *acts: Act) -> dict[str, str]:
    _, secret = await runtime.store.write(
        partial(
            create_token, name=name, acts=frozenset(acts), user=None, types=None, expires=None,
            now=now_us(),
        )
    )  # fmt: skip
    return {"authorization": f"Bearer {secret}"}


async def request_item(runtime: Runtime, device: str = "t1") -> str:
    requested = ReviewRequested(
        subject=f"device:{device}", target="anomaly", of="a", basis="aa" * 32, reason="anomaly"
    )
    data = payload_bytes(requested)
    record = one_step(
        requested.subject,
        kind="review",
        started=now_us(),
        events_in=["e"],
        inputs=[Artifact("ee" * 32, "application/json", 2, "event")],
        outputs=[Artifact(digest(data), "application/json", len(data), REQUEST_ROLE)],
        attributes={"act": "request", "item": requested.item, "target": "anomaly", "of": "a",
                    "why": "anomaly"},
    )  # fmt: skip
    await runtime.committer.publish((), [ObjectPut(data), *lineage_records([record])])
    return requested.item


async def test_the_second_of_two_people_is_told_what_the_first_did(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    item = await request_item(runtime)
    ann, bob = [await token(runtime, name, "read", "review") for name in ("ann", "bob")]
    [listed] = (await client.get("/reviews", headers=ann)).json()
    assert (listed["item"], listed["status"]) == (item, "open")
    taken = await client.post("/reviews/next", headers=ann)
    assert taken.json()["taken"]["by"] == "token:ann"
    assert (await client.post("/reviews/next", headers=bob)).status_code == 204

    told = await client.post(f"/reviews/{item}/take", headers=bob)
    assert told.status_code == 409
    assert told.json()["by"] == "token:ann"
    draft = await client.put(f"/reviews/{item}/draft", headers=bob, json={"verdict": "anomaly"})
    assert draft.json()["taken"]["by"] == "token:ann"

    said = {"value": {"verdict": "normal"}, "seconds": 3}
    for _ in range(2):  # once more, as after a lost answer
        made = await client.post(f"/reviews/{item}/complete", headers=ann, json=said)
        assert made.status_code == 200
        assert (made.json()["by"], made.json()["seconds"]) == ("token:ann", 3)
    second = await client.post(f"/reviews/{item}/complete", headers=bob)
    assert second.status_code == 409
    assert second.json()["value"] == {"verdict": "normal"}
    shown = (await client.get(f"/reviews/{item}", headers=bob)).json()
    assert shown["draft"]["value"]["verdict"] == "anomaly"
    assert shown["opinions"][0]["value"] == {"verdict": "normal"}
    assert (await client.get("/reviews", headers=bob)).json() == []


async def test_who_may_only_read_may_not_review_and_what_does_not_fit_is_named(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    item = await request_item(runtime)
    reader, reviewer = await token(runtime, "eve", "read"), await token(runtime, "ann", "review")
    assert (await client.get("/reviews", headers=reader)).status_code == 403
    wrong = await client.post(
        f"/reviews/{item}/complete", headers=reviewer, json={"value": {"verdict": "perhaps"}}
    )
    assert wrong.status_code == 422
    assert "verdict" in wrong.json()["error"]
    assert (await client.get("/reviews/none", headers=reviewer)).status_code == 404
    thresholds = {"thresholds": {"invoice": 0.9}, "precision": 0.95}
    answer = await client.post("/review-thresholds", headers=reviewer, json=thresholds)
    assert answer.status_code == 403
