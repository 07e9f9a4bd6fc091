"""A thousand items by two people at once, the connection of one of them cut again and again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from functools import partial
from pathlib import Path

import httpx
import pytest

from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.lineage.rebuild import rebuild
from lineal.lineage.record import Artifact, digest
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_catalog.reviews.projection import REQUEST_ROLE
from lineal_catalog.reviews.queries import list_reviews
from lineal_producers.http.application import application
from lineal_producers.http.serving import LoopbackServer, bind_loopback
from lineal_schemas.envelope import now_us
from lineal_schemas.payload import payload_bytes
from lineal_schemas.reviews import ReviewRequested
from tests.conformance.harness import events_on
from tests.lineage.records import one_step
from tests.producers.http.test_reviews import token


async def request_items(runtime: Runtime, count: int) -> None:
    effects, records = [], []
    for number in range(count):
        requested = ReviewRequested(
            subject=f"device:t{number}", target="anomaly", of="a", basis="aa" * 32,
            reason="anomaly",
        )  # fmt: skip
        data = payload_bytes(requested)
        effects.append(ObjectPut(data))
        records.append(
            one_step(
                requested.subject, kind="review", started=now_us(), events_in=["e"],
                inputs=[Artifact("ee" * 32, "application/json", 2, "event")],
                outputs=[Artifact(digest(data), "application/json", len(data), REQUEST_ROLE)],
                attributes={"act": "request", "item": requested.item, "target": "anomaly",
                            "of": "a", "why": "anomaly"},
            )
        )  # fmt: skip
    await runtime.committer.publish((), [*effects, *lineage_records(records)])


async def decide(
    url: str, headers: dict[str, str], said: dict[str, str], cut: random.Random | None
) -> None:
    """Work until nothing is left; a request that is cut is sent again, as a browser's page does."""

    async def send(method: str, path: str, body: object = None) -> httpx.Response:
        while True:
            async with httpx.AsyncClient(
                base_url=url, headers=headers, timeout=60, verify=False
            ) as client:
                request = asyncio.create_task(client.request(method, path, json=body))
                if cut is not None and cut.random() < 0.3:
                    # The connection ends at any moment: before, while or after it is handled.
                    done, _ = await asyncio.wait({request}, timeout=cut.random() * 0.03)
                    if not done:
                        request.cancel()
                        await asyncio.gather(request, return_exceptions=True)
                        continue
                return await request

    while (taken := await send("POST", "/reviews/next")).status_code == 200:
        item = taken.json()["item"]
        verdict = "anomaly" if cut is None else "normal"
        await send("PUT", f"/reviews/{item}/draft", {"verdict": verdict})
        answer = await send("POST", f"/reviews/{item}/complete", {"value": {"verdict": verdict}})
        assert answer.status_code == 200, answer.text
        assert said.setdefault(item, answer.json()["by"]) == answer.json()["by"]
    assert taken.status_code == 204


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("items", [40, pytest.param(1000, marks=pytest.mark.long)])
async def test_many_items_by_two_people_with_one_connection_cut(
    items: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as runtime:
        await request_items(runtime, items)
        server = LoopbackServer(application(runtime), bind_loopback(0))
        await server.start()
        try:
            url = f"http://127.0.0.1:{server.port}"
            ann, bob = [await token(runtime, name, "read", "review") for name in ("ann", "bob")]
            said: dict[str, str] = {}
            await asyncio.gather(
                decide(url, ann, said, None), decide(url, bob, said, random.Random(1))
            )
        finally:
            await server.stop()
        completed = await events_on(runtime, "review.completed")
        done = await runtime.store.read(partial(list_reviews, now=now_us(), status="completed"))
        assert len(completed) == len(done) == items
        by = Counter(item.state.decision.actor for item in done if item.state.decision)
        assert set(by) == {"token:ann", "token:bob"}
        assert all(len(item.state.opinions) == 1 for item in done)
        left = await runtime.store.read(
            lambda c: c.execute("SELECT count(*) FROM review_drafts").fetchone()[0]
        )
        assert left == 0
        await runtime.store.write(rebuild)
        again = await runtime.store.read(partial(list_reviews, now=now_us(), status="completed"))
        assert [item.item_id for item in again] == [item.item_id for item in done]
