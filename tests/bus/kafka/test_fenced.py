"""A name that one process has at a time: who had it before cannot publish any more.

Each process is a runtime of its own. No leases are looked at here: the broker refuses by itself.
"""

from __future__ import annotations

import pytest

from lineal.bus.protocol import FencingBus, PublishFenced
from lineal.effects.memo import MemoEntry
from lineal.errors import BusUnavailable
from lineal.runtime import Runtime
from lineal.store.memo import pack
from lineal_schemas.envelope import first_event
from tests.conformance.harness import events_on, payload_of
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Task

MEMO = MemoEntry(b"step", pack([]))


async def fenced(runtime: Runtime) -> PublishFenced:
    assert isinstance(runtime.bus, FencingBus)
    return await runtime.bus.fenced("share")


async def publish(publish: PublishFenced, number: int) -> None:
    task = Task(key="key", number=number)
    await publish([(Task.type, first_event(task, id=str(number), source="test"))], [MEMO])


async def published(runtime: Runtime) -> list[int]:
    return [payload_of(event).number for event in await events_on(runtime, Task.type)]


async def test_who_had_a_name_before_publishes_nothing_any_more(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as first, bus.open() as second:
        await first.bus.create_topic(Task.type)
        stopped = await fenced(first)
        for number in (1, 2):
            await publish(stopped, number)
        successor = await fenced(second)
        with pytest.raises(BusUnavailable):
            await publish(stopped, 3)
        # what was fenced by that attempt is tried again by its owner
        for number in (4, 5):
            await until_published(successor, number)
        assert await published(second) == [1, 2, 4, 5]


async def test_who_was_fenced_looks_first_before_it_fences_back(bus: KafkaBusUnderTest) -> None:
    """An epoch that it got only after it had looked whether the name is its own would be newer than
    that of its successor."""
    async with bus.open() as first, bus.open() as second:
        await first.bus.create_topic(Task.type)
        stopped = await fenced(first)
        await fenced(second)
        for number in (1, 2):  # first refused by the broker, then by itself
            with pytest.raises(BusUnavailable):
                await publish(stopped, number)
        assert await published(second) == []
        await publish(stopped, 3)  # it has looked in between, as far as the bus can know
        assert await published(second) == [3]


async def until_published(publish_fenced: PublishFenced, number: int) -> None:
    for _ in range(5):
        try:
            await publish(publish_fenced, number)
        except BusUnavailable:
            continue
        return
    raise AssertionError(f"{number} was never published")
