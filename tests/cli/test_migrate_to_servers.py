"""Moving from one machine's folder to Kafka, Postgres and S3, all of them real or an emulator."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from aiobotocore.session import get_session

from lineal.daemon import Daemon
from lineal.documents import list_documents
from lineal.lineage.ledger import all_records
from lineal.migrate import migrate
from lineal.runtime import Runtime, open_runtime
from lineal.settings import KafkaSettings, Settings
from lineal.store.search import search
from lineal_consumers.register.stage import register
from lineal_local.aws import Emulator
from lineal_local.kafka import Kafka
from tests.cli.conftest import arrive


@pytest.fixture
async def target(
    tmp_path: Path,
    kafka: Kafka,
    postgres_url: str,
    aws: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    bucket = f"lineal-{uuid.uuid4().hex[:12]}"
    async with get_session().create_client("s3", **aws.client_settings) as client:
        place = {"LocationConstraint": aws.region}
        await client.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return Settings(
        data=tmp_path / "new",
        durability="normal",
        workers=1,
        bus=f"kafka://{kafka.bootstrap}",
        store=postgres_url,
        objects=f"s3://{bucket}?endpoint={aws.endpoint_url}",
        kafka=KafkaSettings(prefix=f"t{uuid.uuid4().hex[:10]}."),
    )


async def events(runtime: Runtime, topic: str) -> list[str]:
    return [delivery.event.id async for delivery in runtime.bus.read(topic)]


async def test_documents_lineage_and_events_come_along_and_work_goes_on(
    data: Path, target: Settings
) -> None:
    async with (
        open_runtime(Settings(data=data, durability="normal")) as old,
        open_runtime(target) as new,
    ):
        await arrive(old, "large.txt", b"a large one " * 20_000)
        daemon = Daemon(old, [register])
        await daemon.start()
        while any(g.lag for t in await old.bus.topics() for g in t.groups if g.group == "register"):
            await asyncio.sleep(0.05)
        await daemon.stop()
        # What nobody handles any more does not stand in the way.
        for group in ("reading",):
            await old.bus.seek(group, "document.registered", offset=1 << 39, time=None)
        await migrate(old, new, lambda what, count: None)
        for question in (
            list_documents,
            lambda c: [record.canonical() for record in all_records(c)],
            lambda c: [(hit.name, hit.page) for hit in search(c, "turbine")],
        ):
            assert await new.store.read(question) == await old.store.read(question)
        assert sorted([d async for d in new.objects.large_digests()]) == sorted(
            [d async for d in old.objects.large_digests()]
        )
        registered = await events(old, "document.registered")
        assert sorted(await events(new, "document.registered")) == sorted(registered)

    async with open_runtime(target) as new:
        await arrive(new, "next.txt", b"what came after the move")
        daemon = Daemon(new, [register])
        await daemon.start()
        async with asyncio.timeout(60):
            while len(await events(new, "document.registered")) <= len(registered):
                await asyncio.sleep(0.1)
        await daemon.stop()
        after = await events(new, "document.registered")
    assert len(after) == len(registered) + 1, "what was handled before the move is not done again"
    assert set(registered) < set(after)
