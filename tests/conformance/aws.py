"""The bus on AWS: ministack, and before it the archive of topics that it lacks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from lineal.bus.aws.bus import AwsBus
from lineal.bus.aws.names import topic_resource
from lineal.settings import Settings
from lineal_schemas.envelope import RawEvent, from_json
from tests.conformance.harness import OBSERVERS, EmbeddedBusUnderTest
from tests.services.aws_archive import ArchiveProxy


@dataclass
class AwsBusUnderTest(EmbeddedBusUnderTest):
    """As the embedded one, with topics and queues under a prefix of their own.

    The service is not ours to restart, and the emulator would forget everything."""


def aws(folder: Path, request: pytest.FixtureRequest) -> Iterator[AwsBusUnderTest]:
    proxy: ArchiveProxy = request.getfixturevalue("aws_archive")
    emulator = request.getfixturevalue("aws")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in emulator.environment.items():
        patch.setenv(name, value)
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    address = {
        "endpoint": proxy.endpoint_url, "prefix": prefix, "archive_days": 7, "wait_seconds": 1,
    }  # fmt: skip
    scratch = folder / "scratch"
    scratch.mkdir()
    settings = Settings(
        data=folder / "data",
        durability="normal",
        lease_seconds=3.0,
        bus=f"aws://{emulator.region}?{urlencode(address)}",
    )

    def observe(topic: str) -> list[RawEvent]:
        messages = proxy.messages(topic_resource(prefix, topic))
        return [from_json(message.body) for message in messages]

    OBSERVERS[settings.bus] = observe
    bus = AwsBusUnderTest(settings, scratch, AwsBus.capabilities)
    try:
        yield bus
    finally:
        for worker in bus.workers:
            worker.discard()
        del OBSERVERS[settings.bus]
