"""A worker whose clock is wrong says so, and goes on when it is right."""

from __future__ import annotations

import re
import time

import pytest
from aiokafka import TopicPartition

from lineal.bus.topic_names import dead_letter_topic
from lineal.errors import BusUnavailable
from lineal.kafka_client.admin import BROKER_DEFAULT, create_topic
from lineal.kafka_client.connection import Cluster, Connection
from lineal.kafka_client.errors import RecordsRejected
from lineal.kafka_client.producer import IdempotentProducer
from tests.bus.kafka.invariants import assert_invariants, tasks
from tests.conformance.harness import events_on, publish, running, until
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Done, Task, work

_DAY_NS = 24 * 3600 * 1_000_000_000


def set_ahead(patch: pytest.MonkeyPatch, nanoseconds: int) -> None:
    """Set the clock of this process forward."""
    true = time.time_ns
    patch.setattr(time, "time_ns", lambda: true() + nanoseconds)


async def test_a_worker_whose_clock_is_a_day_ahead_says_so_and_commits_when_it_is_right(
    bus: KafkaBusUnderTest,
) -> None:
    """The broker refuses timestamps in the future, those of dead letters too."""
    async with bus.open() as runtime:
        await publish(runtime, *tasks(bus, 24))
        with pytest.MonkeyPatch.context() as patch:
            set_ahead(patch, _DAY_NS)
            async with running(runtime, work) as runner:
                await until(lambda: "this machine's clock is" in (runner.problem or ""))
                # By default a broker takes an hour more than there has been.
                assert re.search("more than (22 h 59|23 h 0) min ahead", str(runner.problem))
                with pytest.raises(BusUnavailable, match="this machine's clock is"):
                    await publish(runtime, Task(key="a", number=99))
                assert await events_on(runtime, Done.type) == []
                patch.undo()
                await assert_invariants(runtime, 24)
                assert runner.problem is None
        assert await events_on(runtime, dead_letter_topic("work")) == []


async def test_a_clock_that_is_some_minutes_ahead_keeps_nobody_from_work(
    bus: KafkaBusUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bus.open() as runtime:
        set_ahead(monkeypatch, _DAY_NS // 48)
        async with running(runtime, work):
            await publish(runtime, *tasks(bus, 24))
            await assert_invariants(runtime, 24)


async def test_a_topic_that_refuses_old_records_is_not_taken_for_a_clock(
    bus: KafkaBusUnderTest,
) -> None:
    """``message.timestamp.before.max.ms``: the event is to blame, whatever the clock."""
    broker = bus.settings.bus.removeprefix("kafka://")
    connection = Connection(Cluster((broker,), "test", {}))
    await connection.open()
    name = f"{bus.settings.kafka.prefix}strict"
    limits = {"message.timestamp.before.max.ms": "1000"}
    await create_topic(connection, name, 1, BROKER_DEFAULT, limits)
    producer = IdempotentProducer(connection)
    with pytest.raises(RecordsRejected, match="InvalidTimestampError"):
        await producer.send(
            lambda batches: [batches.append(TopicPartition(name, 0), b"k", b"v", [], 1)], 1
        )
    await producer.close()
    await connection.close()
