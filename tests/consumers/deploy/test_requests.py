"""What follows by itself when a model goes into use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lineal_consumers.deploy.config import AutomaticRollout, RequestConfig, RingShare
from lineal_consumers.deploy.stage import request
from lineal_schemas.deployments import DeploymentRequested
from lineal_schemas.models import ModelPromoted, ModelRef, ModelRolledBack
from lineal_schemas.objects import ObjectRef
from lineal_schemas.telemetry import DeviceBirth
from tests.consumers.context import MemoryContext, event_of, handled

DIGEST = "a" * 64
ARTIFACT = ObjectRef(uri=f"lineal:objects/{DIGEST}", sha256=DIGEST, bytes=1, media_type="x/y")
MODEL = ModelRef(name="turbine", version=3, sha256=DIGEST)
PROMOTED = ModelPromoted(
    name="turbine", model=MODEL, how="gates", by="retrain", counter=7, artifact=ARTIFACT
)


def birth(device: str) -> DeviceBirth:
    return DeviceBirth(
        device=device, boot_id="0" * 32, session=1, monotonic_us=1, wall_us=1,
        agent_version="1", agent_digest="0" * 64, config_digest="0" * 64,
    )  # fmt: skip


async def fleet(tmp_path: Path, count: int, **settings: Any) -> MemoryContext:
    """A context that has seen so many devices."""
    config = RequestConfig(models={"turbine": AutomaticRollout(**settings)})
    ctx = MemoryContext(tmp_path, config)
    for number in range(count):
        for _ in range(2):
            await handled(request, event_of(birth(f"turbine-{number:02}")), ctx)
    await handled(request, event_of(birth("pump-1")), ctx)
    return ctx


async def rings(ctx: MemoryContext, change: Any = PROMOTED) -> dict[str, tuple[str, ...]]:
    (asked,) = await handled(request, event_of(change), ctx)
    assert isinstance(asked, DeploymentRequested)
    return {ring.name: ring.devices for ring in asked.plan.rings}


async def test_a_promotion_asks_for_a_rollout_to_the_whole_fleet(tmp_path: Path):
    ctx = await fleet(tmp_path, 20, devices=("turbine-*",))
    (asked,) = await handled(request, event_of(PROMOTED), ctx)
    assert (asked.model, asked.counter, asked.by) == (MODEL, 7, "retrain")
    canary, rest = asked.plan.rings
    assert len(canary.devices) == 2
    assert {*canary.devices, *rest.devices} == {f"turbine-{number:02}" for number in range(20)}
    assert ctx.record_kind == "deploy"
    assert ("mention", "model") in ctx.objects.roles


async def test_a_rollback_does_too(tmp_path: Path):
    ctx = await fleet(tmp_path, 3)
    back = ModelRolledBack(
        name="turbine", model=MODEL, withdrawn=MODEL, by="ann", reason="x", counter=8,
        artifact=ARTIFACT,
    )  # fmt: skip
    (asked,) = await handled(request, event_of(back), ctx)
    assert asked.counter == 8


async def test_the_same_promotion_again_asks_for_the_same_rollout(tmp_path: Path):
    ctx = await fleet(tmp_path, 3)
    event = event_of(PROMOTED)
    assert await handled(request, event, ctx) == await handled(request, event, ctx)


async def test_small_fleets_have_a_canary_too_and_no_empty_ring(tmp_path: Path):
    assert {name: len(d) for name, d in (await rings(await fleet(tmp_path, 1))).items()} == {
        "canary": 1, "all": 1,
    }  # fmt: skip
    alone = await fleet(tmp_path, 1, devices=("turbine-*",))
    assert {name: len(d) for name, d in (await rings(alone)).items()} == {"canary": 1}


async def test_rings_take_their_share_together_with_those_before(tmp_path: Path):
    shares = tuple(RingShare(name=f"r{share}", share=share) for share in (0.2, 0.5, 1.0))
    ctx = await fleet(tmp_path, 10, devices=("turbine-*",), rings=shares)
    assert [len(devices) for devices in (await rings(ctx)).values()] == [2, 3, 5]


@pytest.mark.parametrize("name", ["gearbox", "documents"])
async def test_other_models_wait_for_a_person(tmp_path: Path, name: str):
    ctx = await fleet(tmp_path, 3)
    other = PROMOTED.model_copy(update={"name": name})
    assert await handled(request, event_of(other), ctx) == []


async def test_without_devices_there_is_nothing_to_do(tmp_path: Path):
    ctx = await fleet(tmp_path, 3, devices=("crane-*",))
    assert await handled(request, event_of(PROMOTED), ctx) == []
