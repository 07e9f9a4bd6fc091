"""Buses for tests that are about Kafka alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lineal.bus.kafka.bus import KafkaBus
from lineal_local.kafka import Kafka
from tests.conformance.kafka import KafkaBusUnderTest, kafka_settings


def _bus(folder: Path, broker: Kafka) -> Iterator[KafkaBusUnderTest]:
    scratch = folder / "scratch"
    scratch.mkdir()
    settings = kafka_settings(folder, broker.bootstrap)
    bus = KafkaBusUnderTest(settings, scratch, KafkaBus.capabilities, broker=broker)
    try:
        yield bus
    finally:
        for worker in bus.workers:
            worker.discard()


@pytest.fixture
def bus(kafka: Kafka, tmp_path: Path) -> Iterator[KafkaBusUnderTest]:
    """One broker."""
    yield from _bus(tmp_path, kafka)


@pytest.fixture
def cluster_bus(kafka_cluster: Kafka, tmp_path: Path) -> Iterator[KafkaBusUnderTest]:
    """Three brokers, everything three times."""
    yield from _bus(tmp_path, kafka_cluster)
