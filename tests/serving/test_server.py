"""Versions answer over HTTP, each its share; one that does badly gets no request any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lineal_schemas.envelope import now_us
from lineal_schemas.serving import ServingControl
from tests.serving.conftest import Serve, Served, until
from tests.serving.planted import golden, linear


async def ask_until(server: Served, phase: str, x: float = 0.5) -> list[str]:
    """Ask, one request after another, until a rollout is in some phase; who answered."""
    versions = []

    async def asked() -> bool:
        answer = await server.infer(x)
        assert answer.status_code == 200, answer.text
        versions.append(answer.json()["model_version"])
        status = await server.status()
        return status is not None and status.phase == phase

    await until(asked)
    return versions


async def test_a_new_version_computes_in_the_shadow_then_answers_a_share_then_all(
    served: Serve,
) -> None:
    async with served() as server:
        assert (await server.client.get("/v2/health/ready")).status_code == 503
        await server.promote(linear(3), 1)
        await server.until_answering(1)
        await server.promote(linear(3.2), 2)
        await server.until_phase("shadow")
        assert set(await ask_until(server, "canary")) == {"1"}
        assert set(await ask_until(server, "all")) <= {"1", "2"}
        await server.until_answering(2)
        assert [step.what for step in reversed(await server.steps())] == [
            "tested", "completed", "tested", "shadow_started", "canary_started", "completed",
        ]  # fmt: skip


@pytest.mark.parametrize(
    "bad", [{"hang": 10**12}, {"large": 4_000_000_000}], ids=["hangs", "takes all memory"]
)
async def test_what_a_version_fails_at_the_one_before_answers_and_it_is_rolled_back(
    served: Serve, bad: dict[str, Any]
) -> None:
    async with served({"shadow_requests": 0}, request_seconds=0.5, memory_mb=2048) as server:
        await server.promote(linear(3), 1)
        await server.until_answering(1)
        await server.promote(linear(3.2, **bad), 2)
        await server.until_phase("canary")
        # Every request that springs the trap is answered all the same.
        assert set(await ask_until(server, "all", x=950.0)) == {"1"}
        step = (await server.steps())[0]
        assert (step.what, step.version) == ("rolled_back", 2)
        assert "failed" in step.reason
        refused = await server.infer(0.5, version=2)
        assert refused.status_code == 404


@pytest.mark.parametrize(
    ("bad", "failed"), [({"hang": 10**12}, "time"), ({"large": 4_000_000_000}, "schema")],
    ids=["hangs", "takes all memory"],
)  # fmt: skip
async def test_a_model_that_hangs_or_takes_all_memory_in_its_tests_gets_no_request(
    served: Serve, bad: dict[str, Any], failed: str
) -> None:
    async with served({"test_seconds": 2}) as server:
        await server.promote(linear(3), 1)
        await server.until_answering(1)
        await server.promote(linear(3, **bad, above=-9), 2, golden(linear(3)))

        async def refused() -> bool:
            return bool((await server.steps())[0].what == "refused")

        await until(refused)
        assert (await server.steps())[0].reason == failed
        assert (await server.infer(0.5)).json()["model_version"] == "1"


async def test_a_version_that_keeps_memory_is_rolled_back(served: Serve, leaky_engine: str) -> None:
    async with served({"shadow_requests": 0, "step_requests": 10**6}) as server:
        await server.promote(linear(3), 1)
        await server.until_answering(1)
        await server.promote(linear(3.2), 2, media_type=leaky_engine)
        await server.until_phase("canary")
        await ask_until(server, "all", x=950.0)
        step = (await server.steps())[0]
        assert step.what == "rolled_back" and "grown" in step.reason


async def test_a_version_whose_answers_shift_is_rolled_back_from_the_shadow(served: Serve) -> None:
    rules = {"shadow_requests": 10**6, "max_score_shift": 0.2}
    async with served(rules) as server:
        await server.promote(linear(3), 1)
        await server.until_answering(1)
        await server.promote(linear(6), 2)
        await server.until_phase("shadow")
        assert set(await ask_until(server, "all", x=0.2)) == {"1"}
        assert "shifted" in (await server.steps())[0].reason


async def test_a_server_that_starts_again_goes_on_with_the_rollout(served: Serve) -> None:
    rules = {"shadow_requests": 0, "step_requests": 30}
    async with served(rules) as server:
        await server.promote(linear(3), 1)
        await server.until_answering(1)
        await server.promote(linear(3.2), 2)
        await server.until_phase("canary")
    async with served(rules) as server:

        async def ready() -> bool:
            answer = await server.client.get("/v2/health/ready")
            return bool(answer.status_code == 200)

        await until(ready)
        status = await server.status()
        assert status is not None and (status.phase, status.share) == ("canary", 0.25)
        versions = await ask_until(server, "all")
        assert "1" in versions and "2" in versions
        assert [step.what for step in await server.steps()].count("tested") == 2


async def test_a_person_pauses_resumes_and_aborts(served: Serve) -> None:
    async with served({"step_requests": 10, "shadow_requests": 0}) as server:
        await server.promote(linear(3), 1)
        await server.until_answering(1)
        await server.promote(linear(3.2), 2)
        await server.until_phase("canary")

        async def control(action: Any) -> None:
            await server.publish(
                ServingControl(name="m", action=action, by="user:ann", requested_us=now_us())
            )

        await control("pause")

        async def paused() -> bool:
            status = await server.status()
            return status is not None and status.paused

        await until(paused)
        for _ in range(120):
            await server.infer(0.5)
        status = await server.status()
        assert status is not None and status.phase == "canary"
        await control("abort")
        await server.until_answering(1)
        assert (await server.steps())[0].reason == "by hand"


async def test_many_at_once_are_computed_together_and_each_gets_its_own(served: Serve) -> None:
    async with served() as server:
        await server.promote(linear(1), 1)
        await server.until_answering(1)
        answers = await asyncio.gather(*(server.infer(x, -x) for x in range(40)))
        for x, answer in enumerate(answers):
            (output,) = answer.json()["outputs"]
            assert output["shape"] == [2, 1]
            assert sum(output["data"]) == pytest.approx(1.0)
            assert (output["data"][0] > 0.5) == (x > 0)
        metrics = (await server.client.get("/metrics")).text
        assert 'lineal_serving_requests_total{model="m",outcome="done",version="1"}' in metrics


async def test_a_wrong_request_is_the_senders_fault_and_says_why(served: Serve) -> None:
    async with served(max_request_rows=4) as server:
        await server.promote(linear(1), 1)
        await server.until_answering(1)
        good = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]}
        for change, why in (
            ({"name": "y"}, "takes x"),
            ({"datatype": "INT64"}, "FP32"),
            ({"shape": [1, 2]}, "shape"),
            ({"shape": [2, 1]}, "1 values"),
            ({"data": ["one"]}, "numbers"),
            ({"shape": [5, 1], "data": [1] * 5}, "1 to 4 rows"),
            ({"shape": [0, 1], "data": []}, "1 to 4 rows"),
        ):
            answer = await server.client.post(
                "/v2/models/m/infer", json={"inputs": [good | change]}
            )
            assert answer.status_code == 400 and why in answer.json()["error"], answer.text
        assert (await server.client.post("/v2/models/m/infer", content=b"{")).status_code == 400
        assert (await server.client.post("/v2/models/n/infer", json={})).status_code == 404
        nested = b"[" * 900 + b"1" + b"]" * 900
        body = b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":' + nested + b"}]}"
        assert (await server.client.post("/v2/models/m/infer", content=body)).status_code == 400


async def test_who_may_ask(served: Serve) -> None:
    async with served(requests_per_second=5) as server:
        await server.promote(linear(1), 1)

        async def ready() -> bool:
            answer = await server.client.get("/v2/health/ready")
            return bool(answer.status_code == 200)

        await until(ready)
        nobody = {"authorization": "Bearer nothing"}
        assert (await server.client.get("/v2/health/live", headers=nobody)).status_code == 200
        asked = await server.client.post("/v2/models/m/infer", json={}, headers=nobody)
        assert asked.status_code == 401
        codes = [(await server.infer(0.5)).status_code for _ in range(20)]
        assert 200 in codes and 429 in codes
