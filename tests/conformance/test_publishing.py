"""What is published is there: durable, whole, in order, to be sought, and gone when expired."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.bus.embedded.retention import remove_expired
from lineal.bus.protocol import Delivery, Selection, Subscription, TopicSettings
from lineal.stages import Context, stage
from lineal_schemas.envelope import now_us, published_again
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    fetch_all,
    lag,
    payload_of,
    publish,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Done, Task, work

_PUBLISHER = """
import asyncio, json, os, signal, sys
from lineal.runtime import open_runtime
from lineal.settings import Settings
from tests.conformance.harness import publish
from tests.conformance.workload import Task

async def main():
    async with open_runtime(Settings(**json.loads(sys.argv[1]))) as runtime:
        for number in range(20):
            await publish(runtime, Task(key="a", number=number))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_publish_returned_for_survives_the_death_of_the_publisher(
    bus: BusUnderTest,
) -> None:
    order = json.dumps(bus.settings.model_dump(mode="json"))
    publisher = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PUBLISHER, order, cwd=Path(__file__).parents[2]
    )
    assert await publisher.wait() == -signal.SIGKILL
    await bus.restart()
    async with bus.open() as runtime:
        found = [payload_of(event).number for event in await events_on(runtime, Task.type)]
    assert found == list(range(20))


async def test_events_come_back_as_they_were_published(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        published = await publish(
            runtime,
            *(Task(key=f"key {n} \N{SNOWMAN}", number=n) for n in range(30)),
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        found = [event._replace(mark=None) for event in await events_on(runtime, Task.type)]
        assert sorted(found) == sorted(published)


async def test_events_of_a_key_stand_in_the_order_in_which_they_were_published(
    bus: BusUnderTest,
) -> None:
    async with bus.open() as runtime:
        for number in range(40):
            await publish(runtime, *(Task(key=key, number=number) for key in "abcdefgh"))
        found = [payload_of(event) for event in await events_on(runtime, Task.type)]
    for key in "abcdefgh":
        assert [task.number for task in found if task.key == key] == list(range(40))


async def test_large_data_is_carried_by_reference_and_arrives_whole(bus: BusUnderTest) -> None:
    text = "".join(f"{n:06}" for n in range(20_000))
    received: list[str] = []

    @stage("enlarge", version="1", produces=Done)
    async def enlarge(task: Task, ctx: Any) -> Done:
        return Done(key=task.key, number=task.number, text=text)

    @stage("receive", version="1")
    async def receive(done: Done, ctx: Any) -> None:
        received.append(done.text)

    async with bus.open() as runtime:
        await publish(runtime, Task(key="a", number=1))
        async with running(runtime, enlarge):
            await until_settled(runtime, "enlarge")
        await bus.restart()
        async with running(runtime, receive):
            await until_settled(runtime, "receive")
        (carried,) = await events_on(runtime, Done.type)
    assert received == [text]
    assert carried.datacontenttype == REFERENCE_MEDIA_TYPE
    assert len(carried.data) < 1024


async def test_a_group_begins_now_or_at_the_beginning(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key=f"{n}", number=n) for n in range(10)))
        late = await runtime.bus.subscribe("late", [Task.type], start="now")
        early = await runtime.bus.subscribe("early", [Task.type])
        await publish(runtime, Task(key="x", number=10))
        seen_late = await late.fetch(100, 5.0)
        seen_early = [payload_of(d.event).number for d in await _drain(early, 11)]
    assert [payload_of(delivery.event).number for delivery in seen_late] == [10]
    assert sorted(seen_early) == list(range(11))


async def test_every_group_sees_every_event(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key=f"{n % 7}", number=n) for n in range(50)))
        for group in ("one", "two"):
            deliveries = await fetch_all(runtime, group, Task.type, 50, settle=True)
            assert sorted(payload_of(d.event).number for d in deliveries) == list(range(50))


async def test_seek_by_time_and_by_offset(bus: BusUnderTest) -> None:
    bus.require("seek")
    begin = now_us() - 1_000_000
    async with bus.open() as runtime:
        for number in range(10):
            await publish(runtime, Task(key="a", number=number), time=begin + number * 1000)
        await fetch_all(runtime, "g", Task.type, 10)
        await runtime.bus.seek("g", Task.type, offset=None, time=begin + 6 * 1000)
        by_time = await fetch_all(runtime, "g", Task.type, 4)
        await runtime.bus.seek("g", Task.type, offset=3, time=None)
        by_offset = await fetch_all(runtime, "g", Task.type, 7)
    assert [payload_of(d.event).number for d in by_time] == [6, 7, 8, 9]
    assert [payload_of(d.event).number for d in by_offset] == [3, 4, 5, 6, 7, 8, 9]


async def test_a_worker_goes_on_from_where_its_group_was_sent(bus: BusUnderTest) -> None:
    """Done work counts again after a seek, in order, and each event once more."""
    bus.require("seek")
    async with bus.open() as runtime:
        await publish(
            runtime, *(Task(key="a", number=n, scratch=str(bus.scratch)) for n in range(5))
        )
        async with running(runtime, work):
            await until_settled(runtime, "work")
            await runtime.bus.seek("work", Task.type, offset=2, time=None)
            done = await until_events(runtime, Done.type, 8)
            await until_settled(runtime, "work")
        assert len(await events_on(runtime, Done.type)) == 8
    assert [payload_of(event).number for event in done] == [0, 1, 2, 3, 4, 2, 3, 4]


async def test_reading_takes_what_is_selected(bus: BusUnderTest) -> None:
    begin = now_us() - 1_000_000
    async with bus.open() as runtime:
        for number in range(10):
            task = Task(key="ab"[number % 2], number=number)
            await publish(runtime, task, time=begin + number)

        async def numbers(selection: Selection) -> list[int]:
            found = [d.event async for d in runtime.bus.read(Task.type, selection)]
            return sorted(payload_of(event).number for event in found)

        assert await numbers(Selection(key="a")) == [0, 2, 4, 6, 8]
        assert await numbers(Selection(from_time=begin + 7)) == [7, 8, 9]
        assert await numbers(Selection(to_time=begin + 2)) == [0, 1]
        if bus.capabilities.seek:
            found = [d async for d in runtime.bus.read(Task.type)]
            offsets = {payload_of(d.event).number: d.position.offset for d in found}
            part = Selection(key="b", from_offset=offsets[3], to_offset=offsets[7])
            assert await numbers(part) == [3, 5]
        wanted = (await events_on(runtime, Task.type))[3].id
        assert len(await numbers(Selection(event_ids=frozenset({wanted})))) == 1


async def test_following_a_topic_sees_what_comes_after(bus: BusUnderTest) -> None:
    async with bus.open() as runtime, bus.open() as other:
        await publish(runtime, Task(key="a", number=0))
        found = []
        async for delivery in runtime.bus.read(Task.type, follow=True):
            found.append(payload_of(delivery.event).number)
            if len(found) == 5:
                break
            await publish(other, Task(key="abc"[len(found) % 3], number=len(found)))
    assert found == [0, 1, 2, 3, 4]


async def test_expired_events_go_once_every_group_has_handled_them(bus: BusUnderTest) -> None:
    bus.require("keeps_unhandled")
    old = now_us() - 3600 * 1_000_000
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type, TopicSettings(partitions=2, retention_seconds=60))
        task = Task(key="a", number=0, scratch=str(bus.scratch))
        await publish(runtime, task, time=old)
        await runtime.bus.subscribe("work", [Task.type])
        await runtime.database.write(remove_expired)
        assert len(await events_on(runtime, Task.type)) == 1, "not handled yet"
        async with running(runtime, work):
            await until_settled(runtime, "work")
        await publish(runtime, task.model_copy(update={"number": 1}))
        await runtime.database.write(remove_expired)
        assert [payload_of(e).number for e in await events_on(runtime, Task.type)] == [1]
        async with running(runtime, work):
            await until_settled(runtime, "work")
        assert await lag(runtime, "work") == 0
        (topic,) = [info for info in await runtime.bus.topics() if info.topic == Task.type]
        assert (topic.events, topic.published_last_minute) == (1, 1)
        late = await fetch_all(runtime, "late", Task.type, 1)
        assert [payload_of(d.event).number for d in late] == [1]


async def _drain(subscription: Subscription, count: int) -> list[Delivery]:
    deliveries: list[Delivery] = []
    while len(deliveries) < count:
        deliveries += await subscription.fetch(100, 5.0)
    return deliveries


async def test_an_event_that_is_published_again_on_purpose_counts_again(bus: BusUnderTest) -> None:
    handled: list[str] = []

    @stage("counts", version="1", memo=False)
    async def counts(task: Task, ctx: Context) -> None:
        handled.append(ctx.event.id)

    async with bus.open() as runtime:
        (event,) = await publish(runtime, Task(key="a", number=1))
        again = published_again(event, "monday")
        assert (again.causationid, again.data) == (event.id, event.data)
        async with running(runtime, counts):
            for sent in (event, event, again, again, published_again(event, "tuesday")):
                await runtime.bus.publish([(Task.type, sent)])
                await until_settled(runtime, "counts")
    assert handled == [event.id, again.id, published_again(event, "tuesday").id]
