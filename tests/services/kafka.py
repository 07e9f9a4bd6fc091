"""Fixtures: a broker, started at most once in each test process, and a quorum of three.

Topics are the test's own affair: take names that no other test takes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineal_local.kafka import Kafka
from tests.services.missing import skipped_when_unavailable
from tests.services.running import shared

# A JVM that compiles less and has one collector thread starts with half the work; benchmarks, where
# the broker's speed matters, start one without these.
QUICK_START = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


def _started(brokers: int) -> Iterator[Kafka]:
    server = Kafka(brokers, heap="320m", jvm=QUICK_START)
    with skipped_when_unavailable():
        server.start()
    try:
        with shared(server):
            yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One broker. A test may kill and restart it: what is down afterwards is brought back."""
    yield from _started(1)


@pytest.fixture(scope="module")
def kafka_cluster() -> Iterator[Kafka]:
    """Three brokers: replication 3, in sync 2. They are not kept beside all that follows, for few
    tests need them."""
    yield from _started(3)
