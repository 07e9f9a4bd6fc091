"""The buses the suite is run against. A new bus is one more entry in ``BUSES``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lineal.bus.embedded.bus import EmbeddedBus
from lineal.settings import Settings
from tests.conformance.harness import BusUnderTest, EmbeddedBusUnderTest


def embedded(folder: Path, request: pytest.FixtureRequest) -> Iterator[BusUnderTest]:
    scratch = folder / "scratch"
    scratch.mkdir()
    settings = Settings(data=folder / "data", durability="normal", partitions=4, lease_seconds=3.0)
    bus = EmbeddedBusUnderTest(settings, scratch, EmbeddedBus.capabilities)
    yield bus
    for worker in bus.workers:
        worker.discard()


def aws(folder: Path, request: pytest.FixtureRequest) -> Iterator[BusUnderTest]:
    from tests.conformance.aws import aws

    yield from aws(folder, request)


def kafka(folder: Path, request: pytest.FixtureRequest) -> Iterator[BusUnderTest]:
    from tests.conformance.kafka import kafka

    yield from kafka(folder, request)


BUSES: dict[str, Callable[[Path, pytest.FixtureRequest], Iterator[BusUnderTest]]] = {
    "embedded": embedded,
    "aws": aws,
    "kafka": kafka,
}


@pytest.fixture(params=BUSES)
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BusUnderTest]:
    yield from BUSES[request.param](tmp_path, request)
