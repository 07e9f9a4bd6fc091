"""Reading and replaying where topics have an archive, and what is said where they have none."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable
from types import SimpleNamespace

import pytest

from lineal.bus.aws.bus import AwsBus
from lineal.bus.aws.names import reading_resource
from lineal.bus.protocol import Selection
from lineal.errors import NotOffered, UnknownTopic
from lineal.proof.checkpoint_events import CHECKPOINT_TOPIC, checkpoint_event
from lineal.proof.topic_reading import TopicsRead, read_topics
from lineal_schemas.envelope import now_us
from tests.bus.aws.harness import AwsTask, Installation, number_of, opened, publish_tasks, task


async def queues(bus: AwsBus) -> list[str]:
    return [url.rpartition("/")[2] for url in await bus.provisioning.queue_urls()]


async def subscribers(bus: AwsBus) -> list[dict[str, str]]:
    topic = bus.provisioning.topic_arn(AwsTask.type)
    answer = await bus.aws.sns.list_subscriptions_by_topic(TopicArn=topic)
    found: list[dict[str, str]] = answer["Subscriptions"]
    return found


async def test_the_past_of_a_topic_without_archive_is_not_offered(
    installation: Installation,
) -> None:
    async with opened(installation) as process:
        bus = process.bus
        await publish_tasks(bus, 1)
        with pytest.raises(NotOffered, match="archive_days"):
            await anext(aiter(bus.read(AwsTask.type)))
        with pytest.raises(NotOffered, match="replay"):
            await bus.seek("g", AwsTask.type, offset=0, time=None)
        with pytest.raises(UnknownTopic):
            await anext(aiter(bus.read("no.such")))


async def test_verify_reads_archives_and_names_topics_that_have_none(
    installation: Installation, proxied: Installation
) -> None:
    def read(bus: AwsBus) -> Awaitable[TopicsRead]:
        return read_topics(bus, {AwsTask.type}, (), ["log.example/test"], lambda done, total: None)

    async with opened(proxied) as process:
        await process.bus.publish([(AwsTask.type, task(1))])
        checkpoint = checkpoint_event(b"log.example/test\n1\n")
        await process.bus.publish([(CHECKPOINT_TOPIC, checkpoint)])
        found = await read(process.bus)
        assert set(found.events) == {task(1).id} and found.left_out == []
        assert found.checkpoints == [checkpoint.data]
    async with opened(installation) as process:
        await publish_tasks(process.bus, 1)
        assert (await read(process.bus)).left_out == [AwsTask.type]


async def test_a_topic_without_archive_can_be_followed(installation: Installation) -> None:
    async with opened(installation) as process:
        bus = process.bus
        await publish_tasks(bus, 1)
        following = aiter(bus.read(AwsTask.type, follow=True))
        next_one = asyncio.ensure_future(anext(following))
        while not await subscribers(bus):
            await asyncio.sleep(0.05)
        await bus.publish([(AwsTask.type, task(2))])
        assert (await next_one).event == task(2)
        await following.aclose()  # type: ignore[attr-defined]
        assert await queues(bus) == [], "the reader's queue goes with the reader"


@pytest.mark.parametrize("from_now", [True, False])
async def test_who_follows_a_topic_without_archive_is_told_what_is_missing(
    installation: Installation, from_now: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    log = SimpleNamespace(warning=lambda _, reason: told.append(reason))
    monkeypatch.setattr("lineal.bus.aws.reading.log", log)
    async with opened(installation) as process:
        bus = process.bus
        await publish_tasks(bus, 1)
        chosen = Selection(from_now=from_now)
        following = aiter(bus.read(AwsTask.type, chosen, follow=True))
        next_one = asyncio.ensure_future(anext(following))
        while not await queues(bus):
            await asyncio.sleep(0.05)
        next_one.cancel()
        await asyncio.gather(next_one, return_exceptions=True)
    assert len(told) == (0 if from_now else 1)
    assert all("archive_days" in reason for reason in told)


async def test_the_archive_is_read_in_order_and_ends(proxied: Installation) -> None:
    async with opened(proxied) as process:
        bus = process.bus
        await publish_tasks(bus, 25, "ab")
        found = [(d.event.partitionkey, number_of(d.event)) async for d in bus.read(AwsTask.type)]
        again = [d.position async for d in bus.read(AwsTask.type, Selection(key="a"))]
        offset = sorted(position.offset for position in again)[5]
        rest = [
            number_of(d.event)
            async for d in bus.read(AwsTask.type, Selection(key="a", from_offset=offset))
        ]
    for key in "ab":
        numbers = [number for name, number in found if name == key]
        assert numbers == sorted(numbers)
    assert len(found) == 25
    assert rest == [10, 12, 14, 16, 18, 20, 22, 24]


async def test_queues_of_readers_that_died_are_swept(installation: Installation) -> None:
    async with opened(installation) as process:
        bus = process.bus
        prefix = bus.provisioning.prefix
        long_ago = int(time.time()) - 30 * 86_400
        for begun in (long_ago, int(time.time())):
            name = reading_resource(prefix, begun, "left")
            await bus.aws.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
        await bus.maintenance.run_once()
        (left,) = await queues(bus)
        assert str(long_ago) not in left


async def test_an_event_without_time_in_the_archive_has_that_of_its_publication(
    proxied: Installation,
) -> None:
    """And not that at which the archive sends it to a reader: a replay would leave it out."""
    data = AwsTask(key="a", number=1).model_dump(mode="json")
    event = {"specversion": "1.0", "id": "e1", "source": "/s", "type": AwsTask.type, "data": data}
    async with opened(proxied) as process:
        bus = process.bus
        await bus.create_topic(AwsTask.type)
        await bus.aws.sns.publish(
            TopicArn=bus.provisioning.topic_arn(AwsTask.type), Message=json.dumps(event),
            MessageGroupId="a", MessageDeduplicationId="1",
        )  # fmt: skip
        after = now_us()
        (first,) = [d.event async for d in bus.read(AwsTask.type)]
        (again,) = [d.event async for d in bus.read(AwsTask.type, Selection(to_time=after))]
    assert first == again
    assert first.time < after
