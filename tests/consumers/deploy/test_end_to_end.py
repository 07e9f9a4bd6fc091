"""From a promotion to a device that scores with the new model: real stages on a real bus, a real
HTTP server, the real updater; only MQTT is left out."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from lineal.daemon import Daemon
from lineal.lineage.ledger import steps_of_artifact
from lineal.lineage.record import RecordedStep
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.timers import TimerClock
from lineal.store.objects import reference
from lineal.workers.pool import WorkerPool
from lineal_consumers.deploy.keys import make_key, public_key, read_key
from lineal_consumers.deploy.stage import deploy, request
from lineal_edge.clock import SystemClock
from lineal_edge.interfaces import ScorerContext, UpdaterContext
from lineal_edge.reading import Reading
from lineal_edge.update.live_scorer import build_scorer
from lineal_edge.update.updater import build_updater
from lineal_producers.http.packages import package_application
from lineal_schemas.deployments import (
    FINAL_STATES,
    DeploymentJobIssued,
    DeploymentJobReplied,
    DeploymentJobUpdated,
    DeploymentRequested,
    JobNotice,
    Ring,
    RolloutPlan,
    StepTimeouts,
)
from lineal_schemas.envelope import decode, first_event
from lineal_schemas.models import ModelPromoted, ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceBirth
from tests.conformance.harness import events_on, running, until_events
from tests.edge.update.graphs import FEATURES, graph
from tests.lineage.promotions import promotion_record

DEVICE = "turbine-1"
BOOT = "0" * 32


class Bridge:
    """Stands for MQTT: carries what the bus has for the device, and back."""

    def __init__(self, runtime: Runtime, folder: Path, keys: dict[str, bytes]) -> None:
        self._runtime = runtime
        self._loop = asyncio.get_running_loop()
        clock = SystemClock()
        models = folder / "models"
        self.scorer = build_scorer(ScorerContext(DEVICE, BOOT, FEATURES, models, clock))
        self.updater = build_updater(
            UpdaterContext(DEVICE, models, keys, None, self._report, self.scorer, clock, None)
        )
        self.readings = 0
        self._sent = 0

    def _report(self, payload: Payload) -> None:
        self._sent += 1
        event = first_event(payload, id=f"report-{self._sent}", source="test:device")
        asyncio.run_coroutine_threadsafe(
            self._runtime.bus.publish([(event.type, event)]), self._loop
        ).result(10)

    async def carry(self) -> None:
        """What the bus says to the device, as it comes."""
        await asyncio.gather(self._carry_jobs(), self._carry_replies(), self._sample())

    async def _carry_jobs(self) -> None:
        await self._runtime.bus.create_topic(DeploymentJobIssued.type)
        async for delivery in self._runtime.bus.read(DeploymentJobIssued.type, follow=True):
            issued = decode(delivery.event).data
            assert isinstance(issued, DeploymentJobIssued)
            over = issued.job.state in FINAL_STATES
            self.updater.on_notice(JobNotice(job=None if over else issued.job))

    async def _carry_replies(self) -> None:
        await self._runtime.bus.create_topic(DeploymentJobReplied.type)
        async for delivery in self._runtime.bus.read(DeploymentJobReplied.type, follow=True):
            replied = decode(delivery.event).data
            assert isinstance(replied, DeploymentJobReplied)
            self.updater.on_reply(replied.reply)

    async def _sample(self) -> None:
        draw = np.random.default_rng(1)
        while True:
            self.readings += 1
            values = tuple(draw.normal(size=len(FEATURES)).tolist())
            self.scorer.observe(Reading(self.readings, 0, 0, values))
            await asyncio.sleep(0.002)


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    key = tmp_path / "deploy.pem"
    self_url = f"http://127.0.0.1:{_free_port()}/packages"
    make_key(key)
    stages: dict[str, dict[str, Any]] = {
        "deploy": {"key_file": str(key), "url": self_url},
        "deploy.request": {
            "models": {"turbine": {"shadow_readings": 20, "soak_readings": 60}},
        },
    }
    settings = Settings(data=tmp_path / "data", stages=stages, durability="normal")
    async with open_runtime(settings) as opened:
        yield opened


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def serving(runtime: Runtime) -> AsyncIterator[None]:
    port = int(runtime.settings.stages["deploy"]["url"].split(":")[2].split("/")[0])
    config = uvicorn.Config(
        package_application(runtime), host="127.0.0.1", port=port, log_level="error"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())  # without its signal handlers
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def promote(runtime: Runtime, model: bytes, version: int) -> ModelRef:
    stored = await runtime.objects.put_file(io.BytesIO(model))
    ref = reference(stored.sha256, stored.bytes, "application/onnx")
    change = ModelPromoted(
        name="turbine",
        model=ModelRef(name="turbine", version=version, sha256=stored.sha256),
        how="manual",
        by="ann",
        counter=version,
        artifact=ObjectRef.model_validate(ref.model_dump()),
    )
    event = first_event(change, id=f"promotion-{version}", source="test")
    await runtime.committer.publish([(event.type, event)], promotion_record(change))
    return change.model


async def birth(runtime: Runtime) -> None:
    event = DeviceBirth(
        device=DEVICE, boot_id=BOOT, session=1, monotonic_us=1, wall_us=1,
        agent_version="1", agent_digest="0" * 64, config_digest="0" * 64,
    )  # fmt: skip
    await runtime.bus.publish(
        [(event.type, first_event(event, id=event.event_id, source="test:bridge"))]
    )


async def records_about(runtime: Runtime, sha256: str) -> list[RecordedStep]:
    await runtime.flush_ledger()
    return await runtime.store.read(lambda c: steps_of_artifact(c, sha256, made=False))


async def test_a_promoted_model_reaches_the_device_and_its_lineage_says_so(
    runtime: Runtime, tmp_path: Path
):
    key = tmp_path / "deploy.pem"
    public = public_key(read_key(key))
    workers = WorkerPool(1, memory_bytes=4 << 30, seconds=60)
    workers.start()
    bridge = Bridge(runtime, tmp_path, {public.key_id: base64.b64decode(public.key)})
    bridge.updater.start()
    clock = asyncio.create_task(TimerClock(runtime.store, runtime.bus, ["deploy"]).run())
    carrying = asyncio.create_task(bridge.carry())
    await birth(runtime)
    try:
        async with (
            serving(runtime),
            running(runtime, runtime.bind(request, workers)),
            running(runtime, runtime.bind(deploy, workers)),
        ):
            refs = []
            for version, factor in ((1, 1.0), (2, 3.0)):
                refs.append(await promote(runtime, graph(factor=factor, padding=300_000), version))
                await until_events(runtime, "deployment.completed", version)
                assert bridge.scorer.models() == (refs[-1],)
    finally:
        carrying.cancel()
        clock.cancel()
        bridge.updater.stop()
        await workers.close()
        await asyncio.gather(carrying, clock, return_exceptions=True)
    assert not await events_on(runtime, "deployment.aborted")
    updates = [decode(event).data for event in await events_on(runtime, DeploymentJobUpdated.type)]
    states = [
        u.state for u in updates if isinstance(u, DeploymentJobUpdated) and u.model == refs[1]
    ]
    way = ["IN_PROGRESS", "DOWNLOADED", "VERIFIED", "SHADOW", "ACTIVE_UNCONFIRMED", "SUCCEEDED"]
    assert states == way
    kinds = [record.kind for record in await records_about(runtime, refs[1].sha256)]
    assert kinds.count("deploy") == 2, "the request, and the rollout with its package"
    assert kinds.count("activate") == 1


async def test_a_daemon_notices_a_silent_device_though_nothing_ever_comes(tmp_path: Path):
    """Also one that was not running when the deadline passed."""
    key = tmp_path / "deploy.pem"
    make_key(key)
    settings = Settings(
        data=tmp_path / "data", durability="normal", workers=1,
        stages={"deploy": {"key_file": str(key), "grace_seconds": 0.5}},
    )  # fmt: skip
    async with open_runtime(settings) as runtime:
        model = await promote(runtime, graph(), 1)
        asked = DeploymentRequested(
            rollout_id="r1",
            model=model,
            artifact=reference(model.sha256, len(graph()), "application/onnx"),
            plan=RolloutPlan(
                rings=(Ring(name="all", devices=("nobody",)),), timeouts=StepTimeouts(answer=0.5)
            ),
            by="ann",
            requested_us=1,
        )
        await runtime.bus.publish(
            [(asked.type, first_event(asked, id="r1", source="test", actor="user:ann"))]
        )
        daemon = Daemon(runtime, [deploy])
        await daemon.start()
        await until_events(runtime, DeploymentJobIssued.type, 1)
        await daemon.stop()
        assert await events_on(runtime, "deployment.job_timed_out") == []
        daemon = Daemon(runtime, [deploy])
        await daemon.start()
        await until_events(runtime, "deployment.aborted", 1)
        await daemon.stop()
        (late,) = await events_on(runtime, "deployment.job_timed_out")
        assert decode(late).data.model_dump()["step"] == "QUEUED"
