"""A bus on an emulator with a store, without stages: tasks come in, what is done goes out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from lineal.bus.aws.address import parse_address
from lineal.bus.aws.bus import AwsBus, open_aws_bus
from lineal.bus.aws.names import queue_resource
from lineal.bus.claim_check import check_out
from lineal.bus.protocol import AssignmentLost, Batch, Delivery, Subscription
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.lineage.ledger import steps_of_subject
from lineal.lineage.record import RecordedStep
from lineal.store.database import Database, file_blobs
from lineal.store.objects import ObjectStore
from lineal_schemas.envelope import RawEvent, caused_event, decode, first_event, now_us
from lineal_schemas.ids import output_id
from lineal_schemas.payload import Payload
from tests.lineage.records import one_step

PATIENCE_SECONDS = 180.0
"""How long a condition is waited for before the test has failed."""


class AwsTask(Payload, type="test.aws.task", version=1):
    """Something to do."""

    key: str
    number: int

    def partition_key(self) -> str:
        return self.key

    def correlation_key(self) -> str:
        return f"task:{self.key}"


class AwsDone(Payload, type="test.aws.done", version=1):
    """It was done."""

    key: str
    number: int
    text: str = ""

    def partition_key(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where a bus is, and the folder of its store; any process can open it."""

    bus: str
    folder: str
    lease_seconds: float = 2.0


class Opened(NamedTuple):
    bus: AwsBus
    store: Database
    objects: ObjectStore


@contextlib.asynccontextmanager
async def opened(installation: Installation) -> AsyncIterator[Opened]:
    """A process's connection to an installation."""
    database = Database(Path(installation.folder), durability="normal")
    database.open()
    try:
        objects = ObjectStore(database, file_blobs(database))
        address = parse_address(installation.bus)
        async with open_aws_bus(
            address, database, objects, lease_seconds=installation.lease_seconds
        ) as bus:
            yield Opened(bus, database, objects)
    finally:
        await database.close()


async def make_groups(bus: AwsBus, group: str = "work") -> str:
    """Make a group of tasks, and one that takes what it does; returns the first's queue."""
    await bus.create_topic(AwsTask.type, groups=[group])
    await bus.create_topic(AwsDone.type, groups=["after"])
    prefix = bus.provisioning.prefix
    answer = await bus.aws.sqs.get_queue_url(QueueName=queue_resource(prefix, group))
    url: str = answer["QueueUrl"]
    return url


def task(number: int, key: str = "a") -> RawEvent:
    """A task; the same arguments give the same event."""
    payload = AwsTask(key=key, number=number)
    identifier = sha256(f"{key} {number}".encode()).hexdigest()
    return first_event(payload, id=identifier, source="test:aws", time=1 + number)


async def publish_tasks(bus: AwsBus, count: int, keys: Sequence[str] = "a") -> list[RawEvent]:
    events = [task(number, keys[number % len(keys)]) for number in range(count)]
    await bus.publish([(event.type, event) for event in events])
    return events


def done(cause: RawEvent, text: str = "") -> RawEvent:
    """What is made of a task."""
    return caused_event(
        AwsDone(key=cause.partitionkey, number=number_of(cause), text=text),
        cause,
        id=output_id(cause.id, "work", "1", AwsDone.type, 0),
        source="test:aws",
        traceparent=None,
        time=now_us(),
    )


def number_of(event: RawEvent) -> int:
    """The number of a task, or of one that is done."""
    payload = decode(event).data
    assert isinstance(payload, AwsTask | AwsDone)
    return payload.number


def record_of(event: RawEvent) -> Effect:
    """An effect that can be counted: it is not idempotent."""
    record = one_step(
        event.correlationid, started=now_us(), actor="test", worker="test", events_in=[event.id]
    )
    (effect,) = lineage_records([record])
    return effect


def batch_of(deliveries: Sequence[Delivery], text: str = "") -> Batch:
    """What the work on deliveries comes to."""
    return Batch(
        deliveries,
        [(AwsDone.type, done(delivery.event, text)) for delivery in deliveries],
        [record_of(delivery.event) for delivery in deliveries],
    )


async def records(store: Database, subject: str) -> list[RecordedStep]:
    return await store.read(lambda connection: steps_of_subject(connection, subject))


@contextlib.asynccontextmanager
async def working(
    bus: AwsBus,
    group: str = "work",
    *,
    seen: list[tuple[str, int]] | None = None,
    text: str = "",
    work: Callable[[Delivery], Any] | None = None,
) -> AsyncIterator[None]:
    """A worker of a group at work."""
    subscription = await bus.subscribe(group, [AwsTask.type])
    task = asyncio.create_task(_work(subscription, seen, text, work))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await subscription.close()


async def _work(
    subscription: Subscription,
    seen: list[tuple[str, int]] | None,
    text: str,
    work: Callable[[Delivery], Any] | None,
) -> None:
    while True:
        deliveries = await subscription.fetch(100, 1.0)
        for delivery in deliveries:
            if seen is not None:
                seen.append((delivery.event.partitionkey, number_of(delivery.event)))
            if work is not None:
                await work(delivery)
        await asyncio.shield(commit(subscription, deliveries, text))


async def commit(
    subscription: Subscription, deliveries: Sequence[Delivery], text: str = ""
) -> list[Delivery]:
    """Commit the work on deliveries, as a worker does; returns those that were lost."""
    left, lost = list(deliveries), []
    while left:
        try:
            await subscription.commit(batch_of(left, text))
        except AssignmentLost as error:
            gone = {id(delivery) for delivery in error.deliveries}
            lost += [delivery for delivery in left if id(delivery) in gone]
            left = [delivery for delivery in left if id(delivery) not in gone]
        else:
            break
    return lost


async def fetch_all(subscription: Subscription, count: int) -> list[Delivery]:
    """The next events, uncommitted: SQS gives no more than ten of the same keys."""
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            found += await subscription.fetch(1000, 1.0)
    return found


async def results(bus: AwsBus, count: int) -> list[RawEvent]:
    """What came out, taken from the bus."""
    subscription = await bus.subscribe("after", [AwsDone.type])
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            some = await subscription.fetch(1000, 1.0)
            await subscription.commit(Batch(some))
            found += some
    await subscription.close()
    return [delivery.event for delivery in found]


async def numbers(opened: Opened, events: Sequence[RawEvent]) -> list[tuple[str, int]]:
    """Key and number of each."""
    whole = [await check_out(event, opened.objects) for event in events]
    return [(event.partitionkey, number_of(event)) for event in whole]


async def until_handled(bus: AwsBus, group: str) -> None:
    """Wait until a group has nothing left to do."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await lag(bus, group):
            await asyncio.sleep(0.02)


async def lag(bus: AwsBus, group: str) -> int:
    return sum(
        info.lag for topic in await bus.topics() for info in topic.groups if info.group == group
    )


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition; that it never comes is the failure, not that it takes long."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)
