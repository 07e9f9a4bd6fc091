"""A manifest that is sent over HTTP: run by the daemon, also after it was killed; by role."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineal.runtime import Runtime, open_runtime
from lineal_producers.http.application import application
from lineal_producers.regions.run_producer import ManifestWatch
from tests.producers.http.test_reviews import token
from tests.producers.regions.test_jobs import worker
from tests.producers.regions.three_regions import events_in, settings_of
from tests.serving.conftest import until


@pytest.fixture
async def rome(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(settings_of(tmp_path)) as runtime:
        yield runtime


@pytest.fixture
async def client(rome: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(rome), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8480") as opened:
        yield opened


@asynccontextmanager
async def running(rome: Runtime) -> AsyncIterator[None]:
    """As a daemon runs it, until it is killed."""
    task = asyncio.create_task(ManifestWatch(rome).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def manifest(*wanted: dict[str, Any]) -> str:
    lines = [{"type": "text.sent", "answer": "text.counted", **each} for each in wanted]
    return "\n".join(json.dumps(line) for line in lines)


async def test_a_manifest_is_run_goes_on_after_a_kill_and_gives_the_answers(
    client: httpx.AsyncClient, rome: Runtime, tmp_path: Path
) -> None:
    ann = await token(rome, "ann", "publish")
    jobs = manifest(
        *[{"id": str(n), "data": {"text": "word " * n, "pause": 0.05}} for n in range(1, 5)],
        {"id": "away", "data": {"text": "one"}, "region": "bonn"},
    )
    asked = await client.post(
        "/regions/runs?away_seconds=0.5&answer_seconds=3", headers=ann, content=jobs
    )
    assert asked.status_code == 202, asked.text
    address = asked.json()["status"]
    again = await client.post(
        "/regions/runs?away_seconds=0.5&answer_seconds=3", headers=ann, content=jobs
    )
    assert again.json() == asked.json()
    before = (await client.get(address, headers=ann)).json()
    assert (before["status"], before["counts"]["waiting"]) == ("waiting", 5)

    async def found() -> dict[str, Any]:
        answer: dict[str, Any] = (await client.get(address, headers=ann)).json()
        return answer

    async def one_is_done() -> bool:
        return bool((await found())["counts"]["done"] >= 1)

    async def has_ended() -> bool:
        return (await found())["status"] in ("done", "failed")

    with worker(tmp_path / "oslo"):
        async with running(rome):
            await until(one_is_done)
        async with running(rome):
            await until(has_ended)
    report = await found()
    answers = {job["job"]: job for job in report["jobs"]}
    assert [answers[str(n)]["data"]["words"] for n in range(1, 5)] == [1, 2, 3, 4]
    assert {answers[str(n)]["region"] for n in range(1, 5)} == {"oslo"}
    assert report["status"] == answers["away"]["status"] == "failed"
    assert "no region works on it" in answers["away"]["reason"]
    done = Counter(event.id for event in await events_in(rome, "region.job_done"))
    assert len(done) == 4 and set(done.values()) == {1}
    (listed,) = (await client.get("/regions/runs", headers=ann)).json()["runs"]
    assert listed["ended"] is True
    async with running(rome):  # what has ended is not begun again
        await asyncio.sleep(0.5)
    assert await found() == report


async def test_a_run_is_for_who_asked_and_jobs_are_what_they_may_send(
    client: httpx.AsyncClient, rome: Runtime
) -> None:
    ann, bob = [await token(rome, name, "publish") for name in ("ann", "bob")]
    owner = await token(rome, "owner", "publish", "manage")
    reader = await token(rome, "eve", "read", "upload")
    jobs = manifest({"id": "a", "data": {"text": "one"}})
    asked = await client.post("/regions/runs?run=mine", headers=ann, content=jobs)
    address = asked.json()["status"]
    assert (await client.get(address, headers=bob)).status_code == 404
    assert (await client.get("/regions/runs", headers=bob)).json() == {"runs": []}
    assert (await client.get(address, headers=owner)).status_code == 200
    for headers in (reader, {}):
        answer = await client.post("/regions/runs", headers=headers, content=jobs)
        assert answer.status_code in (401, 403)
    taken = await client.post("/regions/runs?run=mine", headers=bob, content=jobs)
    assert taken.status_code == 409
    ours = json.dumps(
        {
            "id": "f", "type": "match.requested", "answer": "match.made",
            "data": {"request_id": "1", "sentence": "A.", "text": "B."},
        }
    )  # fmt: skip
    refused = await client.post("/regions/runs", headers=ann, content=ours)
    assert refused.status_code == 422, refused.text
    refused = await client.post("/regions/runs?operator=true", headers=ann, content=ours)
    assert refused.status_code == 403
    taken = await client.post("/regions/runs?operator=true", headers=owner, content=ours)
    assert taken.status_code == 202, taken.text


@pytest.mark.parametrize(
    ("query", "body", "problem"),
    [
        ("", "", "no job"),
        ("", '{"id": "b"}', "line 1: type Field required"),
        ("?attempts=0", manifest({"id": "a", "data": {}}), "attempts"),
        ("?colour=red", manifest({"id": "a", "data": {}}), "colour"),
        ("?run=a/b", manifest({"id": "a", "data": {}}), "names no run"),
        ("", manifest({"id": "a", "data": {}, "region": "mars"}), "no region is called 'mars'"),
    ],
)
async def test_what_is_no_manifest_is_said_to_be_none(
    client: httpx.AsyncClient, rome: Runtime, query: str, body: str, problem: str
) -> None:
    ann = await token(rome, "ann", "publish")
    answer = await client.post(f"/regions/runs{query}", headers=ann, content=body)
    assert answer.status_code == 422
    assert problem in answer.text
