"""The broker that comes along: found or brought, used by the bridge, and gone with its parent."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Literal

import psutil
import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_edge.agent import Agent
from lineal_edge.settings import Settings as AgentSettings
from lineal_local.ports import accepts
from lineal_producers.mqtt.bridge import Bridge
from lineal_producers.mqtt.local_broker import LocalBroker, NoBroker
from lineal_producers.mqtt.settings import MqttSettings
from lineal_schemas.telemetry import parse_stream_message
from tests.edge.sources_for_tests import Counting

Kind = Literal["mosquitto", "amqtt"]


@pytest.fixture(params=["mosquitto", "amqtt"])
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    if kind == "mosquitto" and LocalBroker(Path()).kind != "mosquitto":
        pytest.skip("not available here: mosquitto: apt install mosquitto")
    if kind == "amqtt":
        pytest.importorskip("amqtt")
    return kind


async def rows_on(runtime: Runtime) -> int:
    topic = "telemetry.readings"
    return sum([parse_stream_message(d.event.data).count async for d in runtime.bus.read(topic)])


async def test_an_agents_readings_go_through_it_onto_the_bus(
    tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with LocalBroker(tmp_path / "broker", kind=kind) as broker:
        assert broker.kind == kind
        settings = Settings(
            data=tmp_path / "data",
            durability="normal",
            workers=1,
        ).with_section(broker.settings(MqttSettings()))
        async with open_runtime(settings) as runtime:
            bridge = Bridge(runtime)
            bridging = asyncio.create_task(bridge.run())
            await asyncio.wait_for(bridge.connected.wait(), 180)
            agent = Agent(
                AgentSettings.model_validate(
                    {
                        "device": "pump-1",
                        "data": tmp_path / "agent",
                        "source": {"kind": "simulator"},
                        "broker": {
                            "host": "127.0.0.1", "port": broker.port, "protocol": broker.protocol,
                        },
                        "publishing": {"wait": 0.05},
                        "scoring": {"enabled": False},
                        "update": {"enabled": False},
                    }
                ),
                source=Counting(200),
            )  # fmt: skip
            agent.start()
            try:
                async with asyncio.timeout(180):
                    while await rows_on(runtime) < 200:
                        await asyncio.sleep(0.05)
                    while agent.outbox.waiting_rows:
                        await asyncio.sleep(0.05)
            finally:
                await asyncio.to_thread(agent.stop)
                bridging.cancel()
                await asyncio.gather(bridging, return_exceptions=True)
            assert await rows_on(runtime) == 200
    assert not accepts(broker.port)


_PARENT = """
import asyncio, os, sys
from pathlib import Path
from lineal_producers.mqtt.local_broker import LocalBroker

async def main():
    async with LocalBroker(Path(sys.argv[1]), kind=sys.argv[2]) as broker:
        print(broker.port, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def test_it_ends_when_its_parent_is_killed(tmp_path: Path, kind: Kind) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, tmp_path, kind], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        parent.kill()
    assert psutil.wait_procs(children, timeout=180)[1] == []
    assert not accepts(port)


async def test_a_machine_without_any_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(NoBroker, match="install mosquitto"):
        await LocalBroker(tmp_path, kind="mosquitto").__aenter__()
