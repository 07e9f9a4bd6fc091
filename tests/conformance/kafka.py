"""The bus on Kafka: one real broker, topics and groups under a prefix of their own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lineal.bus.kafka.bus import KafkaBus
from lineal.settings import KafkaSettings, Settings
from lineal_local.kafka import Kafka
from tests.conformance.harness import BusUnderTest, EmbeddedBusUnderTest


@dataclass
class KafkaBusUnderTest(EmbeddedBusUnderTest):
    """As the embedded one, with a broker that can be restarted."""

    broker: Kafka | None = None

    async def restart(self) -> None:
        assert self.broker is not None
        await asyncio.to_thread(self.broker.restart)


def kafka_settings(folder: Path, bootstrap: str, partitions: int = 4) -> Settings:
    """A bus of its own on a cluster that others use too."""
    return Settings(
        data=folder / "data",
        durability="normal",
        partitions=partitions,
        bus=f"kafka://{bootstrap}",
        kafka=KafkaSettings(
            prefix=f"t{uuid.uuid4().hex[:10]}.", session_seconds=3.0, transaction_seconds=5.0
        ),
    )


def kafka_bus(folder: Path, broker: Kafka) -> Iterator[KafkaBusUnderTest]:
    """A bus of its own on a broker, without workers afterwards."""
    scratch = folder / "scratch"
    scratch.mkdir()
    settings = kafka_settings(folder, broker.bootstrap)
    bus = KafkaBusUnderTest(settings, scratch, KafkaBus.capabilities, broker=broker)
    try:
        yield bus
    finally:
        for worker in bus.workers:
            worker.discard()


def kafka(folder: Path, request: pytest.FixtureRequest) -> Iterator[BusUnderTest]:
    yield from kafka_bus(folder, request.getfixturevalue("kafka"))
