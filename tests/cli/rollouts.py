"""A data folder with devices and a promoted model, in which rollouts are asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.testing.substitutes import InProcessWorkers
from lineal_consumers.deploy.keys import make_key
from lineal_consumers.deploy.stage import deploy
from lineal_schemas.envelope import decode, first_event
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceBirth
from tests.conformance.harness import events_on, running, until_settled
from tests.edge.update.graphs import graph
from tests.lineage.promotions import promoted_turbine, promotion_record

DEVICES = [f"turbine-{number:02}" for number in range(1, 13)]


def folder_with_devices(working: Path) -> Path:
    """A data folder with twelve devices and a promoted model in it."""
    data = working / "data"
    asyncio.run(_fill(data))
    (working / "lineal.toml").write_text('[stages.deploy]\nkey_file = "stage.pem"\n')
    make_key(working / "stage.pem")
    return data


async def _fill(data: Path) -> None:
    async with open_runtime(Settings(data=data, durability="normal")) as runtime:
        model = graph()
        await runtime.objects.put_large(model)
        for version in (1, 2):
            change = promoted_turbine(model, version)
            await send(runtime, change, f"promotion-{version}")
            await runtime.committer.publish((), promotion_record(change))
        for device in DEVICES:
            birth = DeviceBirth(
                device=device, boot_id="0" * 32, session=1, monotonic_us=1, wall_us=1,
                agent_version="1", agent_digest="0" * 64, config_digest="0" * 64,
            )  # fmt: skip
            await send(runtime, birth, birth.event_id)


async def send(runtime: Runtime, payload: Payload, identity: str) -> None:
    event = first_event(payload, id=identity, source="test", actor="user:ann")
    await runtime.bus.publish([(event.type, event)])


def handle(data: Path, key: Path | None, *payloads: Payload) -> None:
    """Let the stage handle what has been asked for, and these."""

    async def run() -> None:
        stages = {"deploy": {} if key is None else {"key_file": str(key)}}
        async with open_runtime(Settings(data=data, durability="normal", stages=stages)) as runtime:
            for kind in deploy.inputs:
                await runtime.bus.create_topic(kind.type)
            for payload in payloads:
                await send(runtime, payload, f"{payload}")
            async with running(runtime, runtime.bind(deploy, InProcessWorkers())):
                await until_settled(runtime, "deploy")

    asyncio.run(run())


def published(data: Path, kind: type[Payload]) -> list[Payload]:
    async def read() -> list[Payload]:
        async with open_runtime(Settings(data=data, durability="normal")) as runtime:
            return [decode(event).data for event in await events_on(runtime, kind.type)]

    return asyncio.run(read())
