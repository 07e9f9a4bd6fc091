"""Bridges as several processes that share the devices: whoever is killed or stopped, every reading
is on the bus exactly once, in order for each device."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from lineal.bus.protocol import Delivery
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_local.kafka import Kafka
from lineal_local.mosquitto import Mosquitto
from lineal_schemas.telemetry import TelemetryReadings, parse_stream_message
from tests.conformance.kafka import kafka_settings
from tests.producers.mqtt.device_double import DeviceDouble
from tests.producers.mqtt.messages import readings
from tests.producers.mqtt.system import BridgeProcess, secure

SHARES = 3
PARTS, MESSAGES, ROWS = 4, 4, 5


class Batch(NamedTuple):
    """A batch of readings, as it is on the bus."""

    id: str
    device: str
    first_seq: int
    last_seq: int


class Fleet:
    """Three bridges on one broker, and a crowd of devices that say everything once: nothing is
    brought again by them, what waits at the broker goes to whoever takes over."""

    def __init__(self, bridges: Sequence[BridgeProcess], crowd: DeviceDouble, devices: int) -> None:
        self.bridges = bridges
        self.names = [f"pump-{number}" for number in range(devices)]
        self._crowd = crowd
        self._parts = 0

    def publish(self) -> None:
        """The next part of what all devices have to say, which they do by turns."""
        begin = self._parts * MESSAGES * ROWS
        infos = []
        for message in range(MESSAGES):
            first = begin + message * ROWS + 1
            for name in self.names:
                body = readings(first, first + ROWS - 1, device=name)
                infos.append(self._crowd.send_on(f"lineal/v1/{name}/readings", body))
        for info in infos:
            info.wait_for_publish(60)
        self._parts += 1

    def check(self, batches: Sequence[Batch]) -> None:
        """Each reading is there once, in the order of its device."""
        upto = dict.fromkeys(self.names, 0)
        for batch in batches:
            assert batch.first_seq == upto[batch.device] + 1, batch
            upto[batch.device] = batch.last_seq
        assert set(upto.values()) == {self._parts * MESSAGES * ROWS}
        assert len({batch.id for batch in batches}) == len(batches)

    @property
    def expected(self) -> int:
        """How many batches there are to be."""
        return len(self.names) * self._parts * MESSAGES


def connected(bridge: BridgeProcess) -> int:
    """How many shares a bridge has taken so far."""
    return bridge.log().count('"bridge.connected"')


@contextmanager
def fleet(
    broker: Mosquitto, folder: Path, devices: int, variables: dict[str, str]
) -> Iterator[Fleet]:
    """Started, and each with a share."""
    data = folder / "data"
    settings = {
        **secure(broker),
        "LINEAL_DATA": str(data),
        "LINEAL_MQTT__SHARES": str(SHARES),
        "LINEAL_DURABILITY": "normal",
        **variables,
    }
    bridges = [BridgeProcess(folder / f"bridge-{number}", settings) for number in range(SHARES)]
    for bridge in bridges:
        bridge.data = data
    try:
        bridges[0].start()
        for bridge in bridges[1:]:
            bridge.start(wait=False)
        for bridge in bridges:
            bridge.until(lambda bridge=bridge: connected(bridge))  # type: ignore[misc]
        with DeviceDouble(broker.port, "crowd") as crowd:
            yield Fleet(bridges, crowd, devices)
    finally:
        for bridge in bridges:
            bridge.resume_if_running()
            bridge.kill()


def killed_and_stopped(fleet: Fleet, count: Callable[[], int]) -> None:
    """One is killed, one is stopped for longer than its lease, while devices speak; in the end all
    is on the bus."""
    killed, stopped, last = fleet.bridges
    fleet.publish()
    killed.kill()
    fleet.publish()
    before = connected(last)
    stopped.pause()
    last.until(lambda: connected(last) > before)
    fleet.publish()
    last.until(lambda: count() >= fleet.expected)  # all of it, by the last one alone
    joined = connected(stopped)
    stopped.resume()
    fleet.publish()
    stopped.until(lambda: connected(stopped) > joined)  # it has a share again
    last.until(lambda: count() >= fleet.expected)
    assert stopped.stop() == last.stop() == 0


def test_three_bridges_share_the_devices(broker: Mosquitto, tmp_path: Path) -> None:
    with fleet(broker, tmp_path, 50, {}) as running:
        last = running.bridges[-1]

        def batches() -> list[Batch]:
            found = zip(
                last.ids(TelemetryReadings.type), last.events(TelemetryReadings.type), strict=True
            )
            return [as_batch(identifier, data) for identifier, data in found]

        held = last.ask("device", "bridges")
        assert [(one["share"], one["of"]) for one in held] == [(1, 3), (2, 3), (3, 3)]
        assert len({one["bridge"] for one in held}) == 3
        killed_and_stopped(running, lambda: last.count(TelemetryReadings.type))
        running.check(batches())
        assert [one["bridge"] for one in last.ask("device", "bridges")] == [None] * 3


@pytest.mark.parametrize(
    "devices", [50, pytest.param(10_000, marks=pytest.mark.long)], ids=["50", "10000"]
)
def test_three_bridges_share_the_devices_on_kafka(
    broker: Mosquitto, kafka: Kafka, postgres_url: str, tmp_path: Path, devices: int
) -> None:
    settings = kafka_settings(tmp_path, kafka.bootstrap).model_copy(update={"store": postgres_url})
    assert settings.kafka.prefix is not None
    variables = {
        "LINEAL_BUS": settings.bus,
        "LINEAL_STORE": postgres_url,
        "LINEAL_PARTITIONS": "4",
        "LINEAL_KAFKA__PREFIX": settings.kafka.prefix,
        "LINEAL_KAFKA__SESSION_SECONDS": "6",
        "LINEAL_KAFKA__TRANSACTION_SECONDS": "5",
    }
    with fleet(broker, tmp_path, devices, variables) as running:
        reading = settings.model_copy(update={"data": tmp_path / "reader"})
        killed_and_stopped(running, lambda: len(asyncio.run(on_kafka(reading))))
        running.check(asyncio.run(on_kafka(reading)))


async def on_kafka(settings: Settings) -> list[Batch]:
    """All batches of readings, in the order of their partitions."""
    found: list[Delivery] = []
    async with open_runtime(settings) as runtime:
        found = [one async for one in runtime.bus.read(TelemetryReadings.type)]
    found.sort(key=lambda one: one.position)
    return [as_batch(one.event.id, one.event.data) for one in found]


def as_batch(identifier: str, data: bytes) -> Batch:
    message = parse_stream_message(data)
    return Batch(identifier, message.device, message.first_seq, message.last_seq)
