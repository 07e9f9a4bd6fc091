"""A broker with the access list that is delivered, and bridges in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lineal_local.mosquitto import Mosquitto
from tests.producers.mqtt.system import BridgeProcess, secure
from tests.services.missing import skipped_when_unavailable

ACCESS = Path(__file__).parents[3] / "infra" / "mosquitto" / "access.acl"
QUEUES = ["max_queued_messages 0", "max_inflight_messages 0"]


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A broker of the test's own: it may be killed."""
    with (
        skipped_when_unavailable(),
        Mosquitto(access=ACCESS.read_text(), settings=QUEUES) as broker,
    ):
        yield broker


@pytest.fixture
def bridge(broker: Mosquitto, tmp_path: Path) -> Iterator[BridgeProcess]:
    """Not started yet."""
    process = BridgeProcess(tmp_path / "bridge", secure(broker))
    try:
        yield process
    finally:
        process.kill()
