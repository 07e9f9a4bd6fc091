"""What-if questions over HTTP: asked, answered, and for who asked alone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from lineal.daemon import Daemon
from lineal.runtime import Runtime
from lineal_consumers.tables.stage import score
from tests.producers.http.test_reviews import client, token
from tests.serving.conftest import until

__all__ = ["client"]

ASKED = {"model": "churn", "entity": "c7", "set": {"orders": 3, "spent": None}}


async def test_a_question_is_answered_to_who_asked_and_nobody_else_sees_it(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    ann, bob = [await token(runtime, name, "read", "upload") for name in ("ann", "bob")]
    asked = await client.post("/tables/customers/questions", headers=ann, json=ASKED)
    assert asked.status_code == 202, asked.text
    address = asked.json()["answer"]
    assert (await client.get(address, headers=ann)).json() == {"status": "waiting"}
    daemon = Daemon(runtime, [score])
    await daemon.start()
    try:

        async def answered() -> bool:
            return bool((await client.get(address, headers=ann)).json()["status"] != "waiting")

        await until(answered)
    finally:
        await daemon.stop()
    answer = (await client.get(address, headers=ann)).json()
    assert answer["status"] == "rejected"
    assert "models names no 'churn' for the table 'customers'" in answer["problem"]
    assert "no causes" in answer["note"]
    assert (await client.get(address, headers=bob)).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "churn"},
        {**ASKED, "row": {"orders": 1}},
        {**ASKED, "coverage": 2},
        {**ASKED, "set": {"orders": "many"}},
        {**ASKED, "colour": 1},
    ],
)
async def test_a_wrong_question_is_said_to_be_one(
    client: httpx.AsyncClient, runtime: Runtime, wrong: dict[str, Any]
) -> None:
    ann = await token(runtime, "ann", "upload")
    answer = await client.post("/tables/customers/questions", headers=ann, json=wrong)
    assert answer.status_code == 422, answer.text


async def test_who_only_reads_may_not_ask(client: httpx.AsyncClient, runtime: Runtime) -> None:
    reader = await token(runtime, "eve", "read")
    answer = await client.post("/tables/customers/questions", headers=reader, json=ASKED)
    assert answer.status_code == 403
