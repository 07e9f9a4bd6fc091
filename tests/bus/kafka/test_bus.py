"""What is Kafka's own: other clients' messages, topics as asked for, several workers a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections import Counter
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError
from structlog.testing import capture_logs

from lineal.bus.protocol import Selection, TopicSettings
from lineal.dead_letters import LetterFilter, waiting_letters
from lineal.effects.memo import MemoEntry
from lineal.errors import BusUnavailable
from lineal.lineage import follower
from lineal.lineage.ledger import all_steps
from lineal.replay import plan_replay
from lineal.runtime import Runtime
from lineal.store.memo import MemoOutput, pack
from lineal_schemas.bindings import to_kafka
from lineal_schemas.envelope import first_event
from tests.bus.kafka.following import following
from tests.conformance.harness import (
    PATIENCE_SECONDS,
    events_on,
    fetch_all,
    payload_of,
    publish,
    running,
    until,
    until_events,
    until_settled,
)
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Done, Task, work


def on_kafka(bus: KafkaBusUnderTest, topic: str) -> str:
    return f"{bus.settings.kafka.prefix}{topic}"


async def test_events_are_binary_cloudevents_that_any_client_reads(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        (event,) = await publish(runtime, Task(key="key", number=1))
    topic, broker = on_kafka(bus, Task.type), bus.settings.bus.removeprefix("kafka://")
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=broker, auto_offset_reset="earliest"
    ) as consumer:
        message = await consumer.getone()
    headers = {name: value.decode() for name, value in message.headers}
    assert (message.key, json.loads(message.value)["number"]) == (b"key", 1)
    assert headers["ce_id"] == event.id
    assert headers["ce_type"] == Task.type
    assert headers["ce_specversion"] == "1.0"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_events_of_other_clients_are_taken_in_order_with_ours(
    bus: KafkaBusUnderTest, compression: str | None
) -> None:
    async with bus.open() as runtime:
        scratch = str(bus.scratch)
        await publish(runtime, Task(key="a", number=0, scratch=scratch))
        broker = bus.settings.bus.removeprefix("kafka://")
        async with AIOKafkaProducer(
            bootstrap_servers=broker, compression_type=compression
        ) as producer:
            for number in (1, 2):
                attributes = {
                    "specversion": "1.0", "id": f"foreign-{number}", "source": "elsewhere",
                    "type": Task.type, "dataschema": "urn:lineal:schema:conformance.task:1",
                }  # fmt: skip
                await producer.send_and_wait(
                    on_kafka(bus, Task.type),
                    Task(key="a", number=number, scratch=scratch).model_dump_json().encode(),
                    key=b"a",
                    headers=[(f"ce_{name}", text.encode()) for name, text in attributes.items()],
                )
        async with running(runtime, work):
            await until_settled(runtime, "work")
        done = [payload_of(event).number for event in await events_on(runtime, Done.type)]
    assert done == [0, 1, 2], "the same key, the same partition"


async def test_an_event_without_time_has_that_of_its_record(bus: KafkaBusUnderTest) -> None:
    """Whenever it is read: a replay and its bounds in time see what others produced."""
    stamps = [1_700_000_000_000 + 1000 * number for number in range(4)]
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type)
        broker = bus.settings.bus.removeprefix("kafka://")
        async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
            for number, stamp in enumerate(stamps):
                attributes = {"specversion": "1.0", "id": f"e{number}", "source": "elsewhere",
                              "type": Task.type}  # fmt: skip
                data = Task(key="a", number=number).model_dump(mode="json")
                binary = number % 2 == 0
                await producer.send_and_wait(
                    on_kafka(bus, Task.type),
                    json.dumps(data if binary else {**attributes, "data": data}).encode(),
                    key=b"a",
                    headers=[(f"ce_{name}", text.encode()) for name, text in attributes.items()]
                    if binary
                    else [("content-type", b"application/cloudevents+json")],
                    timestamp_ms=stamp,
                )
        first = await events_on(runtime, Task.type)
        assert [event.time for event in first] == [stamp * 1000 for stamp in stamps]
        assert await events_on(runtime, Task.type) == first

        async def planned(selection: Selection) -> int:
            return (await plan_replay(runtime, work, selection)).events

        assert await planned(Selection()) == 4
        assert await planned(Selection(from_time=stamps[1] * 1000)) == 3
        assert await planned(Selection(to_time=stamps[3] * 1000)) == 3
        (delivery, *_) = await fetch_all(runtime, "g", Task.type, 4)
        assert delivery.event == first[0]


async def test_what_is_no_cloudevent_goes_aside_byte_for_byte(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type)
        broker = bus.settings.bus.removeprefix("kafka://")
        async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
            topic = on_kafka(bus, Task.type)
            await producer.send_and_wait(topic, b"\xff\x00 no event", key=b"\xfe")
            utf16 = [("content-type", b"application/cloudevents+json; charset=utf-16")]
            await producer.send_and_wait(topic, b"{}", key=b"a", headers=utf16)
        await publish(runtime, Task(key="a", number=1, scratch=str(bus.scratch)))
        async with running(runtime, work):
            await until_settled(runtime, "work")
        letters = await waiting_letters(runtime, LetterFilter())
        assert len(await events_on(runtime, Done.type)) == 1
    said = {letter.event.data: letter.content.message for letter in letters}
    assert said.keys() == {b"\xff\x00 no event", b"{}"}
    assert "no event" in said[b"\xff\x00 no event"]
    assert "not in utf-16" in said[b"{}"]


async def test_a_topic_is_made_as_asked_and_its_partitions_stay(bus: KafkaBusUnderTest) -> None:
    async def info(runtime: Any) -> Any:
        return {item.topic: item for item in await runtime.bus.topics()}["state/of-things"]

    async with bus.open() as runtime:
        settings = TopicSettings(partitions=3, retention_seconds=3600, compacted=True)
        await runtime.bus.create_topic("state/of-things", settings)
        made = await info(runtime)
        assert (made.partitions, made.retention_seconds) == (3, 3600)
        await runtime.bus.create_topic("state/of-things", TopicSettings(partitions=5))
        made = await info(runtime)
        assert (made.partitions, made.retention_seconds) == (3, None)


async def owners(runtime: Runtime) -> Counter[str | None]:
    """How many partitions each worker of the topic's group has."""
    (info,) = [item for item in await runtime.bus.topics() if item.topic == Task.type]
    return Counter(partition.owner for partition in info.groups[0].partitions)


async def test_partitions_that_somebody_adds_are_worked_on_too(bus: KafkaBusUnderTest) -> None:
    """With any tool of Kafka's; nobody tells a group of it."""
    broker, topic = bus.settings.bus.removeprefix("kafka://"), on_kafka(bus, Task.type)
    async with bus.open() as runtime, bus.open() as other:
        await runtime.bus.create_topic(Task.type, TopicSettings(partitions=2))
        await publish(runtime, Task(key="a", number=0, scratch=str(bus.scratch)))
        async with running(runtime, work), running(other, work):
            await until_settled(runtime, "work")
            while None in (found := await owners(runtime)) or len(found) != 2:
                await asyncio.sleep(0.1)
            admin = AIOKafkaAdminClient(bootstrap_servers=broker)
            await admin.start()
            await admin.create_partitions({topic: NewPartitions(total_count=6)})
            await admin.close()
            for each in (runtime, other):  # as happens every minute
                await each.bus._connection.refresh_metadata()  # type: ignore[attr-defined]
            producer = AIOKafkaProducer(bootstrap_servers=broker)
            await producer.start()
            for partition in range(6):
                payload = Task(key="b", number=partition + 1, scratch=str(bus.scratch))
                _, value, headers = to_kafka(first_event(payload, id=f"{partition}", source="t"))
                await producer.send_and_wait(
                    topic, value, key=b"b", headers=headers, partition=partition
                )
            await producer.stop()
            await until_events(runtime, Done.type, 7)
            # From now on ours go there as well: two processes must not part a key's events.
            later = [Task(key=f"{n}", number=9, scratch=str(bus.scratch)) for n in range(100)]
            placed = await runtime.bus.publish(
                [(Task.type, first_event(t, id=f"n{t.key}", source="t")) for t in later]
            )
            assert {position.partition for position in placed} == set(range(6))


async def test_a_topic_that_is_made_anew_is_read_from_its_beginning(bus: KafkaBusUnderTest) -> None:
    """Its offsets begin again, and none is where the worker had come to."""
    broker, topic = bus.settings.bus.removeprefix("kafka://"), on_kafka(bus, Task.type)
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type, TopicSettings(partitions=1))
        for number in range(5):
            await publish(runtime, Task(key="a", number=number, scratch=str(bus.scratch)))
        async with running(runtime, work):
            await until_settled(runtime, "work")
            admin = AIOKafkaAdminClient(bootstrap_servers=broker)
            await admin.start()
            await admin.delete_topics([topic])
            while topic in await admin.list_topics():
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            await admin.create_topics([NewTopic(topic, 1, 1)])
            await admin.close()
            for number in range(5, 8):
                await publish(runtime, Task(key="a", number=number, scratch=str(bus.scratch)))
            found = await until_events(runtime, Done.type, 8)
    assert [payload_of(event).number for event in found] == list(range(8))


async def test_two_workers_of_a_group_in_one_process_share_it(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        await runtime.bus.create_topic(Task.type)
        first = await runtime.bus.subscribe("g", [Task.type])
        second = await runtime.bus.subscribe("g", [Task.type])

        while sorted((await owners(runtime)).values()) != [2, 2]:
            await asyncio.sleep(0.05)
        await publish(runtime, *(Task(key=f"{n}", number=n) for n in range(40)))
        found: Counter[int] = Counter()
        while len(found) < 40:
            for worker in (first, second):
                found.update(payload_of(d.event).number for d in await worker.fetch(100, 0.2))
        assert set(found.values()) == {1}
        await first.close()
        await second.close()
        assert len(await fetch_all(runtime, "g", Task.type, 40)) == 40, "nothing was committed"


async def test_a_closed_runtime_leaves_nothing_unwritten(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime, running(runtime, work):
        scratch = str(bus.scratch)
        await publish(runtime, *(Task(key="a", number=n, scratch=scratch) for n in range(9)))
        await until_events(runtime, Done.type, 9)
        await runtime.flush_ledger()
        assert await runtime.store.read(lambda c: len(list(all_steps(c)))) == 9


def _writers() -> list[int]:
    """The processes beside this one that write the ledger."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            if "lineal.workers" in command and process.ppid() != os.getpid():
                found.append(process.pid)
    return found


@pytest.fixture
def _effects_of_packages_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program that registers none of its own: other tests of this process may have."""
    monkeypatch.setattr(follower, "has_program_types", lambda: False)


@pytest.mark.usefixtures("_effects_of_packages_alone")
async def test_the_process_that_writes_the_ledger_is_replaced_when_it_dies(
    bus: KafkaBusUnderTest,
) -> None:
    async def written() -> int:
        return await runtime.store.read(lambda c: len(list(all_steps(c))))

    async with bus.open() as runtime:
        async with following(runtime), running(runtime, work):
            scratch = str(bus.scratch)
            for begin in range(0, 90, 10):
                numbers = range(begin, begin + 10)
                await publish(runtime, *(Task(key="a", number=n, scratch=scratch) for n in numbers))
                if begin % 30 == 0:
                    await until(_writers)
                    for pid in _writers():
                        os.kill(pid, signal.SIGKILL)
            await until_events(runtime, Done.type, 90)
            # Nobody asks for it here, which would have this process write what is missing.
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await written() < 90:
                    await asyncio.sleep(0.02)
        assert await written() == 90, "and none twice"
    assert _writers() == []


@pytest.mark.usefixtures("_effects_of_packages_alone")
async def test_the_process_that_writes_the_ledger_has_its_worker_raise_the_alarm(
    bus: KafkaBusUnderTest,
) -> None:
    """Of steps that made something else this time; and goes on afterwards."""
    async with bus.open() as runtime, following(runtime):
        with capture_logs() as lines:

            def alarmed() -> list[str]:
                return [x["step"] for x in lines if x["event"] == "stage.not_deterministic"]

            for number in (1, 2):
                step = number.to_bytes(32, "big")
                for data in (b"1", b"2"):
                    memo = MemoEntry(step, pack([MemoOutput("x.y", 1, data, None, None)]))
                    await runtime.bus.publish([], [memo])
                # Nobody waits for the ledger here, which would have this process write it.
                await until(lambda count=number: len(alarmed()) == count)  # type: ignore[misc]
            assert alarmed() == [number.to_bytes(32, "big").hex() for number in (1, 2)]


async def test_what_was_read_before_reading_failed_is_read_again(
    bus: KafkaBusUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    getmany = AIOKafkaConsumer.getmany
    answers = 0

    async def fail_once(self: Any, *partitions: Any, **options: Any) -> Any:
        nonlocal answers
        found = await getmany(self, *partitions, **options)
        answers += bool(found)
        if answers == 2 and found:
            raise KafkaError("while the next partition was read")
        return found

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key=f"{n}", number=n) for n in range(40)))
        worker = await runtime.bus.subscribe("g", [Task.type])
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", fail_once)
        found: Counter[int] = Counter()
        failures = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found) < 40 or not failures:
                try:
                    found.update(payload_of(d.event).number for d in await worker.fetch(100, 0.2))
                except BusUnavailable:
                    failures += 1
        assert (set(found.values()), failures) == ({1}, 1)
