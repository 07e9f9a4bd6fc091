"""Fixture: an MQTT broker, started at most once in a test run.

Topics and client ids are the test's own affair: take names that no other test takes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineal_local.mosquitto import Mosquitto
from tests.services.missing import skipped_when_unavailable
from tests.services.running import shared


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    """The broker, with mosquitto's own defaults for saving and queueing."""
    server = Mosquitto()
    with skipped_when_unavailable():
        server.start()
    try:
        with shared(server):
            yield server
    finally:
        server.stop()
