"""Moving from one machine's folder to Kafka, Postgres and S3, all of them real or an emulator."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from pathlib import Path

import pytest

from lineal.aws_session import aws_session
from lineal.daemon import Daemon
from lineal.dead_letters import LetterFilter, waiting_letters
from lineal.effects.records import lineage_records
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.ledger import all_records
from lineal.migrate import LEFT_BEHIND, CannotMigrate, migrate
from lineal.runtime import Runtime, open_runtime
from lineal.settings import KafkaSettings, Settings
from lineal_catalog.documents.queries import list_documents
from lineal_catalog.search.entries import search
from lineal_consumers.register.stage import register
from lineal_local.aws import Emulator
from lineal_local.kafka import Kafka
from lineal_schemas.envelope import first_event
from tests.bus.kafka.test_marks import written
from tests.cli.conftest import arrive
from tests.conformance.harness import publish
from tests.conformance.workload import Task
from tests.lineage.records import one_step


@pytest.fixture
async def target(
    tmp_path: Path,
    kafka: Kafka,
    postgres_url: str,
    aws: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    bucket = f"lineal-{uuid.uuid4().hex[:12]}"
    async with aws_session().create_client("s3", **aws.client_settings) as client:
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
            lambda c: [canonical_bytes(record) for record in all_records(c)],
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
        async with asyncio.timeout(180):
            while len(await events(new, "document.registered")) <= len(registered):
                await asyncio.sleep(0.1)
        await daemon.stop()
        after = await events(new, "document.registered")
    assert len(after) == len(registered) + 1, "what was handled before the move is not done again"
    assert set(registered) < set(after)


@pytest.fixture
async def on_kafka(tmp_path: Path, kafka: Kafka) -> Settings:
    """Kafka, with all the rest in a folder."""
    return Settings(
        data=tmp_path / "on-kafka",
        durability="normal",
        workers=1,
        bus=f"kafka://{kafka.bootstrap}",
        kafka=KafkaSettings(prefix=f"t{uuid.uuid4().hex[:10]}."),
    )


async def records(runtime: Runtime) -> list[bytes]:
    await runtime.flush_ledger()
    return await runtime.store.read(lambda c: [canonical_bytes(r) for r in all_records(c)])


async def handled(runtime: Runtime, *files: str) -> None:
    """Have the arrival of files registered."""
    for name in files:
        await arrive(runtime, name, name.encode())
    daemon = Daemon(runtime, [register])
    await daemon.start()
    while any(g.lag for t in await runtime.bus.topics() for g in t.groups):
        await asyncio.sleep(0.05)
    await daemon.stop()


async def test_a_store_that_is_left_alone_on_kafka_has_its_records_once(
    on_kafka: Settings, postgres_url: str
) -> None:
    """The topic of the ledger stays where it is: what was read of it is not read again."""
    moved = on_kafka.model_copy(update={"store": postgres_url})
    async with open_runtime(on_kafka) as old, open_runtime(moved) as new:
        await handled(old, "a.txt", "b.txt")
        await migrate(old, new, lambda what, count: None)
        before = await records(old)
    async with open_runtime(moved) as new:
        await handled(new, "c.txt")
        after = await records(new)
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) == len(before) + 1


async def test_what_was_committed_last_on_kafka_is_in_the_ledger_that_is_taken_along(
    on_kafka: Settings, tmp_path: Path
) -> None:
    elsewhere = Settings(data=tmp_path / "new", durability="normal")
    async with open_runtime(on_kafka) as old, open_runtime(elsewhere) as new:
        await handled(old, "a.txt")
        dropped = one_step("document:a", kind="drop", actor="user:ann")
        await old.committer.publish((), lineage_records([dropped]))
        await migrate(old, new, lambda what, count: None)
        assert canonical_bytes(dropped) in await records(new)


async def test_dead_letters_come_along_to_a_bus_that_keeps_no_past_and_back(
    data: Path, tmp_path: Path, aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    there = Settings(
        data=tmp_path / "aws",
        durability="normal",
        bus=f"aws://{aws.region}?endpoint={aws.endpoint_url}&prefix={prefix}&wait_seconds=1",
    )
    back = Settings(data=tmp_path / "back", durability="normal")

    async def letters(runtime: Runtime) -> set[str]:
        return {letter.id for letter in await waiting_letters(runtime, LetterFilter())}

    async with (
        open_runtime(Settings(data=data, durability="normal")) as old,
        open_runtime(there) as on_aws,
        open_runtime(back) as again,
    ):
        waiting = await letters(old)
        assert waiting
        copied: Counter[str] = Counter()
        await migrate(old, on_aws, lambda what, count: copied.update({what: count}))
        assert await letters(on_aws) == waiting
        assert copied["events"] >= len(waiting)
        await migrate(on_aws, again, lambda what, count: None)
        assert await letters(again) == waiting
        assert await records(again) == await records(old)
        again_copied: Counter[str] = Counter()
        await migrate(old, on_aws, lambda what, count: again_copied.update({what: count}))
        assert not any(again_copied.values())


async def test_what_others_wrote_to_a_broker_does_not_become_ours_by_a_move(
    on_kafka: Settings, tmp_path: Path
) -> None:
    sent = first_event(Task(key="a", number=2), id="sent", source="/shop", actor="user:root")
    forged = sent._replace(id="forged", source="lineal:stage/work", mark="12345678:none")
    kafka = KafkaSettings(prefix=f"t{uuid.uuid4().hex[:10]}.")
    beside = on_kafka.model_copy(update={"kafka": kafka, "bus": f"{on_kafka.bus}/"})
    beside = beside.model_copy(update={"data": tmp_path / "beside"})
    here = Settings(data=tmp_path / "here", durability="normal")
    async with (
        open_runtime(on_kafka) as old,
        open_runtime(beside) as other,
        open_runtime(here) as embedded,
    ):
        await publish(old, Task(key="a", number=1))
        await written(on_kafka, Task.type, sent, forged)
        await publish(old, Task(key="a", number=3))
        copied: Counter[str] = Counter()
        await migrate(old, other, lambda what, count: copied.update({what: count}))
        assert (copied["events"], copied["events without a valid mark"]) == (2, 2)
        there = [delivery.event async for delivery in other.bus.read(Task.type)]
        assert other.marks is not None
        assert [other.marks.valid(event) for event in there] == [True, False, False, True]
        left: Counter[str] = Counter()
        await migrate(old, embedded, lambda what, count: left.update({what: count}))
        assert left[LEFT_BEHIND] == 1
        there = [delivery.event async for delivery in embedded.bus.read(Task.type)]
        assert len(there) == 3
        assert {(event.id, event.actor) for event in there} >= {("sent", None)}
        assert "forged" not in {event.id for event in there}


async def test_outputs_that_wait_for_the_bus_that_is_left_are_published_first(
    tmp_path: Path, aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    there = Settings(
        data=tmp_path / "aws",
        durability="normal",
        bus=f"aws://{aws.region}?endpoint={aws.endpoint_url}&prefix={prefix}&wait_seconds=1",
    )
    here = Settings(data=tmp_path / "here", durability="normal")
    async with open_runtime(there) as old, open_runtime(here) as new:
        row = "INSERT INTO outbox (batch, published, group_name, at, topic, key_number, event) "
        await old.store.write(
            lambda c: c.execute(row + "VALUES ('b', 1, 'work', 1, 'task', 1, x'7b7d')")
        )
        with pytest.raises(CannotMigrate, match=r"published on aws:.* \(1\): start .*lineal run"):
            await migrate(old, new, lambda what, count: None)
        await old.store.write(lambda c: c.execute("DELETE FROM outbox"))
        await migrate(old, new, lambda what, count: None)
