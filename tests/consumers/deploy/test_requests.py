"""What follows by itself when a model goes into use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lineal.testing import StageHarness
from lineal_consumers.deploy.config import AutomaticRollout, RequestConfig, RingShare
from lineal_consumers.deploy.stage import request
from lineal_schemas.deployments import DeploymentRequested
from lineal_schemas.envelope import first_event
from lineal_schemas.models import ModelPromoted, ModelRef, ModelRolledBack
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceBirth
from tests.edge.update.graphs import FEATURES, graph

DIGEST = "a" * 64
ARTIFACT = ObjectRef(uri=f"lineal:objects/{DIGEST}", sha256=DIGEST, bytes=1, media_type="x/y")
MODEL = ModelRef(name="turbine", version=3, sha256=DIGEST)
PROMOTED = ModelPromoted(
    name="turbine", model=MODEL, how="gates", by="retrain", counter=7, artifact=ARTIFACT
)


def birth(device: str, **said: Any) -> DeviceBirth:
    return DeviceBirth(
        device=device, boot_id="0" * 32, session=1, monotonic_us=1, wall_us=1,
        agent_version="1", agent_digest="0" * 64, config_digest="0" * 64, **said,
    )  # fmt: skip


@asynccontextmanager
async def fleet(count: int, **settings: Any) -> AsyncIterator[StageHarness]:
    """The stage after it has seen so many devices."""
    config = RequestConfig(models={"turbine": AutomaticRollout(**settings)})
    async with StageHarness(request, config=config) as harness:
        for number in range(count):
            for _ in range(2):
                await harness.send(birth(f"turbine-{number:02}"))
        await harness.send(birth("pump-1"))
        yield harness


async def asked_for(harness: StageHarness, change: Payload = PROMOTED) -> DeploymentRequested:
    [asked] = await harness.send(change)
    assert isinstance(asked, DeploymentRequested)
    return asked


async def rings(count: int, **settings: Any) -> dict[str, int]:
    """How many devices are in each ring of a fleet."""
    async with fleet(count, **settings) as harness:
        asked = await asked_for(harness)
    return {ring.name: len(ring.devices) for ring in asked.plan.rings}


async def test_a_promotion_asks_for_a_rollout_to_the_whole_fleet():
    async with fleet(20, devices=("turbine-*",)) as harness:
        asked = await asked_for(harness)
        record = harness.records[-1]
    assert (asked.model, asked.counter, asked.by) == (MODEL, 7, "retrain")
    canary, rest = asked.plan.rings
    assert len(canary.devices) == 2
    assert {*canary.devices, *rest.devices} == {f"turbine-{number:02}" for number in range(20)}
    assert record.kind == "deploy"
    assert (DIGEST, "model") in [(item.sha256, item.role) for item in record.inputs]


async def test_a_rollback_does_too():
    back = ModelRolledBack(
        name="turbine", model=MODEL, withdrawn=MODEL, by="ann", reason="x", counter=8,
        artifact=ARTIFACT,
    )  # fmt: skip
    async with fleet(3) as harness:
        assert (await asked_for(harness, back)).counter == 8


async def test_the_same_promotion_published_again_asks_for_no_second_rollout():
    async with fleet(3) as harness:
        event = first_event(PROMOTED, id="promotion", source="test", time=1)
        first, again = [await harness.send(event) for _ in range(2)]
    assert first
    assert again == []


async def test_small_fleets_have_a_canary_too_and_no_empty_ring():
    assert await rings(1) == {"canary": 1, "all": 1}
    assert await rings(1, devices=("turbine-*",)) == {"canary": 1}


async def test_rings_take_their_share_together_with_those_before():
    shares = tuple(RingShare(name=f"r{share}", share=share) for share in (0.2, 0.5, 1.0))
    made = await rings(10, devices=("turbine-*",), rings=shares)
    assert list(made.values()) == [2, 3, 5]


@pytest.mark.parametrize("name", ["gearbox", "documents"])
async def test_other_models_wait_for_a_person(name: str):
    async with fleet(3) as harness:
        assert await harness.send(PROMOTED.model_copy(update={"name": name})) == []


async def test_without_devices_there_is_nothing_to_do():
    async with fleet(3, devices=("crane-*",)) as harness:
        assert await harness.send(PROMOTED) == []


async def test_only_devices_that_it_is_for_get_a_model_by_themselves():
    async with fleet(1, where={"site": "ber*"}) as harness:
        for device, kind, site, features in (
            ("a-1", "turbine", "berlin", FEATURES),
            ("a-2", "turbine", "bern", FEATURES),
            ("b-1", "pump", "berlin", FEATURES),
            ("c-1", "turbine", "berlin", ("pressure",)),
            ("d-1", "turbine", "paris", FEATURES),
        ):
            said = {"attributes": {"kind": kind, "site": site}, "features": tuple(features)}
            await harness.send(birth(device, **said))
        artifact = await harness.put(graph())
        model = MODEL.model_copy(update={"sha256": artifact.sha256})
        change = PROMOTED.model_copy(update={"model": model, "artifact": artifact})
        asked = await asked_for(harness, change)
        assert harness.records[-1].attributes["left_out"] == 5
    assert [device for ring in asked.plan.rings for device in ring.devices] == ["a-1", "a-2"]
