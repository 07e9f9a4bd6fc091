"""Reading and replaying where topics have an archive, and what is said where they have none."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from lineal.bus.aws.bus import AwsBus
from lineal.bus.aws.names import reading_resource
from lineal.bus.protocol import Selection
from lineal.errors import NotOffered, UnknownTopic
from lineal.replay import plan_replay
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_schemas.envelope import now_us
from tests.conformance.harness import payload_of, publish
from tests.conformance.workload import Task, work


async def queues(bus: AwsBus) -> list[str]:
    return [url.rpartition("/")[2] for url in await bus.provisioning.queue_urls()]


async def test_the_past_of_a_topic_without_archive_is_not_offered(settings: Settings) -> None:
    async with open_runtime(settings) as runtime:
        await publish(runtime, Task(key="a", number=1))
        with pytest.raises(NotOffered, match="archive_days"):
            await anext(aiter(runtime.bus.read(Task.type)))
        with pytest.raises(NotOffered, match="replay"):
            await runtime.bus.seek("g", Task.type, offset=0, time=None)
        with pytest.raises(UnknownTopic):
            await anext(aiter(runtime.bus.read("no.such")))


async def test_a_topic_without_archive_can_be_followed(settings: Settings) -> None:
    async with open_runtime(settings) as runtime:
        assert isinstance(runtime.bus, AwsBus)
        await publish(runtime, Task(key="a", number=1))
        following = aiter(runtime.bus.read(Task.type, follow=True))
        next_one = asyncio.ensure_future(anext(following))
        while not await queues(runtime.bus):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        await publish(runtime, Task(key="a", number=2))
        assert payload_of((await next_one).event).number == 2
        await following.aclose()  # type: ignore[attr-defined]
        assert await queues(runtime.bus) == [], "the reader's queue goes with the reader"


@pytest.mark.parametrize("from_now", [True, False])
async def test_who_follows_a_topic_without_archive_is_told_what_is_missing(
    settings: Settings, from_now: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    log = SimpleNamespace(warning=lambda _, reason: told.append(reason))
    monkeypatch.setattr("lineal.bus.aws.reading.log", log)
    async with open_runtime(settings) as runtime:
        assert isinstance(runtime.bus, AwsBus)
        await publish(runtime, Task(key="a", number=1))
        chosen = Selection(from_now=from_now)
        following = aiter(runtime.bus.read(Task.type, chosen, follow=True))
        next_one = asyncio.ensure_future(anext(following))
        while not await queues(runtime.bus):
            await asyncio.sleep(0.05)
        next_one.cancel()
        await asyncio.gather(next_one, return_exceptions=True)
    assert len(told) == (0 if from_now else 1)
    assert all("archive_days" in reason for reason in told)


async def test_the_archive_is_read_in_order_and_ends(proxied: Settings) -> None:
    async with open_runtime(proxied) as runtime:
        await publish(runtime, *(Task(key="ab"[n % 2], number=n) for n in range(25)))
        found = [payload_of(d.event) async for d in runtime.bus.read(Task.type)]
        again = [d.position async for d in runtime.bus.read(Task.type, Selection(key="a"))]
        offset = sorted(position.offset for position in again)[5]
        rest = [
            payload_of(d.event).number
            async for d in runtime.bus.read(Task.type, Selection(key="a", from_offset=offset))
        ]
    for key in "ab":
        numbers = [task.number for task in found if task.key == key]
        assert numbers == sorted(numbers)
    assert len(found) == 25
    assert rest == [10, 12, 14, 16, 18, 20, 22, 24]


async def test_an_event_without_time_in_the_archive_has_that_of_its_publication(
    proxied: Settings,
) -> None:
    """And not that at which the archive sends it to a reader: a replay would leave it out."""
    data = Task(key="a", number=1).model_dump(mode="json")
    event = {"specversion": "1.0", "id": "e1", "source": "/s", "type": Task.type, "data": data}
    async with open_runtime(proxied) as runtime:
        bus = runtime.bus
        assert isinstance(bus, AwsBus)
        await bus.create_topic(Task.type)
        await bus.aws.sns.publish(
            TopicArn=bus.provisioning.topic_arn(Task.type), Message=json.dumps(event),
            MessageGroupId="a", MessageDeduplicationId="1",
        )  # fmt: skip
        after = now_us()
        (first,) = [d.event async for d in bus.read(Task.type)]
        (again,) = [d.event async for d in bus.read(Task.type, Selection(to_time=after))]
        assert first == again
        assert (await plan_replay(runtime, work, Selection())).events == 1


async def test_queues_of_readers_that_died_are_swept(settings: Settings) -> None:
    async with open_runtime(settings) as runtime:
        bus = runtime.bus
        assert isinstance(bus, AwsBus)
        prefix = bus._address.prefix
        long_ago = int(time.time()) - 30 * 86_400
        for begun in (long_ago, int(time.time())):
            name = reading_resource(prefix, begun, "left")
            await bus.aws.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
        await bus.maintain()
        (left,) = await queues(bus)
        assert str(long_ago) not in left
