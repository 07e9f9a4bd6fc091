"""Settings of ``lineal up --simulate``: a local broker, turbines, and a flywheel that turns in
minutes. Simulated time runs :data:`SPEED` times as fast."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineal.settings import Settings
from lineal_cli.options import CommandFailed
from lineal_schemas.telemetry import TURBINE_FEATURES
from lineal_scoring.turbine.fleet import SimulationSpec

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_producers.mqtt.local_broker import LocalBroker

MODEL = "turbine"
RATE, SPEED = 20.0, 20.0
FAULT = f"generator:seconds={5 * SPEED:g}"
DRIFT = "drift"
DEVICES_PROGRAM = (sys.executable, "-m", "lineal_edge.simulated_devices")
"""The devices are real agents, in a process of their own: we import nothing of the agent."""
_FIRST_READINGS = 24_000
_STOP_SECONDS = 10.0


def device_names(count: int) -> tuple[str, ...]:
    """``turbine-1`` and so on."""
    return tuple(f"turbine-{number}" for number in range(1, count + 1))


def simulated_settings(settings: Settings, key_file: Path, port: int) -> Settings:
    """The settings with what a simulation needs; what is set by hand stays."""
    per_second = RATE * SPEED
    stages: dict[str, dict[str, Any]] = {
        "retrain.collect": {"block_batches": 16},
        "retrain": {
            "wait_seconds": 3,
            "models": {
                MODEL: {
                    "algorithms": ["pca"],
                    # all but the yaw: it goes wherever the wind comes from, and means nothing
                    "features": [name for name in TURBINE_FEATURES if name != "yaw"],
                    "angles": ["roll", "pitch"],
                    # a few minutes of wind are not all that there will be
                    "shrinkage": 0.05,
                    "explained": 0.999,
                    "tail": "chi2",
                    "margin": 1.9,
                    "close_after": 10,
                    "min_new_readings": int(10 * per_second),
                    "lasting_readings": int(8 * per_second),
                    # a minute of readings cannot tell what a year's would
                    "max_false_alarms": 0.2,
                    "tolerance": 0.1,
                    "open_after": 3,
                },
                "documents": {"kind": "documents"},
            },
        },
        "drift": {
            # twice as long as the wind remembers
            "spacing_seconds": 40 / SPEED,
            "sample": 30,
            "min_sample": 20,
            # The other wind shifts the voltage by 0.8. What was learnt while the wind changed is
            # of both, half that away from the new one: that is no second drift.
            "min_shift": 0.6,
            # longer than a model takes to be learnt: the same change is not reported again
            "cool_down_seconds": 180,
        },
        "deploy": {"key_file": str(key_file), "url": f"http://127.0.0.1:{port}/packages"},
        "deploy.request": {"models": {MODEL: {"shadow_readings": 200, "soak_readings": 400}}},
    }
    return settings.model_copy(update={"stages": _overlaid(stages, settings.stages)})


def _overlaid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with others over them: a model of a plug-in leaves ours as they are."""
    found = dict(under)
    for name, value in over.items():
        below = found.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _overlaid(below, value)
        found[name] = value
    return found


def signing_key(folder: Path) -> tuple[Path, dict[str, str]]:
    """A key that signs the simulation's packages, made at the first start, and its public half."""
    from lineal_consumers.deploy.keys import make_key, public_key, read_key

    file = folder / "signing.pem"
    public = public_key(read_key(file)) if file.is_file() else make_key(file)
    return file, {public.key_id: public.key}


@contextlib.asynccontextmanager
async def local_broker(folder: Path) -> AsyncIterator[LocalBroker]:
    """A broker for the simulated devices.

    Raises:
        CommandFailed: there is none on this machine.
    """
    try:
        from lineal_producers.mqtt.local_broker import LocalBroker, NoBroker
    except ImportError as error:
        raise CommandFailed(f"a simulation needs `pip install 'lineal[mqtt]'` ({error})") from error
    try:
        async with LocalBroker(folder) as broker:
            yield broker
    except NoBroker as error:
        raise CommandFailed(str(error)) from error


def spec_of(count: int, broker: LocalBroker, folder: Path, keys: dict[str, str]) -> SimulationSpec:
    """The devices of ``lineal up --simulate``."""
    return SimulationSpec(
        devices=device_names(count), rate=RATE, speed=SPEED, host="127.0.0.1", port=broker.port,
        protocol=broker.protocol, folder=folder / "devices", keys=keys,
    )  # fmt: skip


def run_devices(spec: SimulationSpec) -> int:
    """Run the devices until their time is up, Ctrl-C or SIGTERM; the exit code."""
    process = subprocess.Popen(DEVICES_PROGRAM, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(spec.model_dump_json().encode() + b"\n")
    process.stdin.flush()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.stdin.close()
        return process.wait()


@contextlib.asynccontextmanager
async def simulated_devices(
    spec: SimulationSpec, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the devices in a process of their own until the context is left."""
    spec.folder.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *DEVICES_PROGRAM,
            stdin=PIPE, stdout=DEVNULL, stderr=errors, start_new_session=True,
        )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(spec.model_dump_json().encode() + b"\n")
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def request_first_model(runtime: Runtime) -> None:
    """When enough readings have been collected, ask for a first model, unless one is in use."""
    from lineal.lineage.actor import acting_user
    from lineal_catalog.models.promotions import model_in_use
    from lineal_schemas.envelope import decode, first_event, now_us
    from lineal_schemas.ids import arrival_id
    from lineal_schemas.models import ModelTrainingRequested
    from lineal_schemas.telemetry import TelemetryCollected

    if await runtime.store.read(lambda c: model_in_use(c, MODEL)) is not None:
        return
    await runtime.bus.create_topic(TelemetryCollected.type)
    readings = 0
    async for delivery in runtime.bus.read(TelemetryCollected.type, follow=True):
        block = decode(delivery.event).data
        assert isinstance(block, TelemetryCollected)
        readings += block.rows
        if readings >= _FIRST_READINGS:
            break
    now = now_us()
    request = ModelTrainingRequested(name=MODEL, cause="manual", by=acting_user(), requested_us=now)
    event = first_event(
        request,
        id=arrival_id("lineal:simulation", "", f"first model {now}"),
        source="lineal:simulation",
        actor=request.by,
    )
    await runtime.bus.publish([(event.type, event)])


async def until_in_use(runtime: Runtime) -> None:
    """Wait until a model is in use."""
    from lineal_catalog.models.promotions import model_in_use

    while await runtime.store.read(lambda c: model_in_use(c, MODEL)) is None:  # noqa: ASYNC110
        await asyncio.sleep(0.5)


async def until_rolled_out(runtime: Runtime, seconds: float) -> None:
    """Wait until a rollout has ended, or for so long: where nobody may sign there is none."""
    from lineal_schemas.deployments import DeploymentAborted, DeploymentCompleted

    async def ended(topic: str) -> None:
        await runtime.bus.create_topic(topic)
        async for _ in runtime.bus.read(topic, follow=True):
            return

    topics = (DeploymentCompleted.type, DeploymentAborted.type)
    tasks = [asyncio.ensure_future(ended(topic)) for topic in topics]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
