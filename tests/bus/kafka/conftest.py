"""Buses for tests that are about Kafka alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lineal_local.kafka import Kafka
from tests.conformance.kafka import KafkaBusUnderTest, kafka_bus


@pytest.fixture
def bus(kafka: Kafka, tmp_path: Path) -> Iterator[KafkaBusUnderTest]:
    """One broker."""
    yield from kafka_bus(tmp_path, kafka)


@pytest.fixture
def cluster_bus(kafka_cluster: Kafka, tmp_path: Path) -> Iterator[KafkaBusUnderTest]:
    """Three brokers, everything three times."""
    yield from kafka_bus(tmp_path, kafka_cluster)
