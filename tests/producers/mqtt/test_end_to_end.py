"""The device's agent, a broker and the bridge, all real: whatever is killed, nothing is lost and
nothing is there twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineal_edge.agent import Agent
from lineal_edge.settings import Settings
from lineal_local.mosquitto import Mosquitto
from lineal_schemas.telemetry import TelemetryReadings, parse_stream_message
from tests.edge.sources_for_tests import Counting
from tests.producers.mqtt.device_double import DeviceDouble
from tests.producers.mqtt.messages import birth, readings
from tests.producers.mqtt.system import BridgeProcess, complete


@pytest.fixture
def agents() -> Iterator[list[Agent]]:
    """Those in here are stopped, whatever the test does."""
    started: list[Agent] = []
    yield started
    for agent in started:
        agent.stop()


class SteppingClock:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000

    def wall_us(self) -> int:
        return time.time_ns() // 1000 + self.ahead_us


def start_agent(
    broker: Mosquitto, folder: Path, source: Counting, agents: list[Agent], **more: Any
) -> Agent:
    identity = broker.client("pump-1")
    settings = Settings.model_validate(
        {
            "device": "pump-1",
            "data": folder,
            "source": {"kind": "simulator"},
            "broker": {
                "host": "localhost",
                "port": broker.tls_port,
                "will_delay": 0,
                "tls": {
                    "ca": broker.ca_file,
                    "certificate": identity.certificate,
                    "key": identity.key,
                },
            },
            "publishing": {"wait": 0.1, "backoff_first": 0.05, "backoff_max": 0.2},
            "outbox": {"commit_seconds": 0.05},
            "scoring": {"enabled": False},
            "update": {"enabled": False},
        }
    )
    agent = Agent(settings, source=source, **more)
    agents.append(agent)
    agent.start()
    return agent


def all_arrived(bridge: BridgeProcess, agent: Agent, count: int) -> None:
    """Every reading is on the bus once, with its value, and gone from the device."""
    boot = agent.outbox.boot_id
    bridge.until(lambda: complete(bridge.stream(boot=boot), count))
    bridge.until(lambda: agent.outbox.waiting_rows == 0)
    assert {kind for _, _, kind in bridge.stream(boot=boot)} == {"readings"}
    for data in bridge.events("telemetry.readings"):
        message = parse_stream_message(data)
        assert isinstance(message, TelemetryReadings)
        assert message.values == tuple(
            (float(n),) for n in range(message.first_seq, message.last_seq + 1)
        )


def test_a_broker_killed_with_a_backlog_loses_nothing(
    broker: Mosquitto, bridge: BridgeProcess, tmp_path: Path, agents: list[Agent]
) -> None:
    """It has confirmed messages for a bridge that is away, and forgets them all."""
    bridge.start()
    bridge.kill()
    agent = start_agent(broker, tmp_path / "agent", Counting(3000, rate=1500), agents)
    bridge.until(lambda: agent.sampler.sampled > 1500)
    broker.kill()
    bridge.until(lambda: agent.sampler.sampled == 3000)
    broker.restart()
    bridge.start()
    all_arrived(bridge, agent, 3000)


def test_everything_is_killed_by_turns_while_readings_come(
    broker: Mosquitto, bridge: BridgeProcess, tmp_path: Path, agents: list[Agent]
) -> None:
    bridge.start()
    agent = start_agent(broker, tmp_path / "agent", Counting(6000, rate=1000), agents)
    for begun in (500, 2000, 3500):
        bridge.until(lambda begun=begun: agent.sampler.sampled > begun)  # type: ignore[misc]
        bridge.kill()
        if begun == 2000:
            broker.kill()
            broker.restart()
        bridge.start()
    all_arrived(bridge, agent, 6000)


def test_a_network_that_was_cut_delivers_afterwards(
    broker: Mosquitto, bridge: BridgeProcess, tmp_path: Path, agents: list[Agent]
) -> None:
    bridge.start()
    agent = start_agent(broker, tmp_path / "agent", Counting(2000, rate=1000), agents)
    bridge.until(lambda: agent.sampler.sampled > 500)
    broker.pause()  # connections stay, nothing goes through
    bridge.until(lambda: agent.sampler.sampled == 2000)
    broker.resume()
    all_arrived(bridge, agent, 2000)


def test_a_clock_that_is_set_while_readings_come_loses_none(
    broker: Mosquitto, bridge: BridgeProcess, tmp_path: Path, agents: list[Agent]
) -> None:
    bridge.start()
    clock = SteppingClock()
    source = Counting(1500, rate=1000)
    agent = start_agent(broker, tmp_path / "agent", source, agents, clock=clock)
    bridge.until(lambda: agent.sampler.sampled > 400)
    clock.ahead_us = -30 * 365 * 86_400_000_000
    bridge.until(lambda: agent.sampler.sampled > 900)
    clock.ahead_us = 86_400_000_000
    all_arrived(bridge, agent, 1500)


def test_a_bridge_that_lost_its_data_goes_on_and_says_what_is_missing(
    broker: Mosquitto, bridge: BridgeProcess, tmp_path: Path, agents: list[Agent]
) -> None:
    bridge.start()
    agent = start_agent(broker, tmp_path / "agent", Counting(1500, rate=500), agents)
    bridge.until(lambda: agent.sampler.sampled > 500 and bridge.stream())
    bridge.kill()
    bridge.data.rename(tmp_path / "lost")
    bridge.start()
    bridge.until(lambda: complete(bridge.stream(), 1500))
    first, *others = bridge.stream()
    assert first[2] == "gap"
    assert {kind for _, _, kind in others} == {"readings"}
    assert "gap" in {record.kind for record in bridge.records()}


def test_ten_thousand_devices_come_back_at_once(broker: Mosquitto, bridge: BridgeProcess) -> None:
    """Births of 10,000 devices, and of each the batch it had waiting, over one open connection."""
    names = [f"pump-{number}" for number in range(10_000)]
    bridge.start()
    with DeviceDouble(broker.port, "crowd") as crowd:
        infos = []
        for name in names:
            for topic, body in (
                ("status", birth(device=name)),
                ("readings", readings(1, 2, device=name)),
            ):
                infos.append(crowd.send_on(f"lineal/v1/{name}/{topic}", body))
        for info in infos:
            info.wait_for_publish(60)
    bridge.until(lambda: bridge.count("telemetry.readings") == 10_000)
    bridge.until(lambda: bridge.count("device.birth") == 10_000)
    assert bridge.running
    assert len(set(bridge.ids("telemetry.readings"))) == 10_000
