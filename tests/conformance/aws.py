"""The bus on AWS: ministack, and before it the archive of topics that it lacks."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from lineal.bus.aws.bus import AwsBus
from lineal.bus.aws.names import topic_resource
from lineal.bus.protocol import Capabilities
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_schemas.envelope import RawEvent, from_json
from tests.conformance.harness import OBSERVERS, WorkerProcess
from tests.services.aws_archive import ArchiveProxy


@dataclass
class AwsBusUnderTest:
    """Topics and queues under a prefix of their own."""

    settings: Settings
    scratch: Path
    capabilities: Capabilities
    workers: list[WorkerProcess] = field(default_factory=list)

    def open(self) -> contextlib.AbstractAsyncContextManager[Runtime]:
        return open_runtime(self.settings)

    async def restart(self) -> None:
        """The service is not ours to restart, and the emulator would forget everything."""

    def spawn_worker(self, stage: str, **options: Any) -> WorkerProcess:
        worker = WorkerProcess(self.settings, stage, options)
        self.workers.append(worker)
        return worker

    def require(self, *capabilities: str) -> None:
        for capability in capabilities:
            if not getattr(self.capabilities, capability):
                pytest.skip(f"the bus does not promise {capability}")


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
