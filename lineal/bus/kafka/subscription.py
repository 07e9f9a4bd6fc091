"""A group's worker on Kafka: records as events, and settlements as transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

from aiokafka import TopicPartition

from lineal.bus.kafka.committing import Committer
from lineal.bus.kafka.messages import read_event
from lineal.bus.kafka.translation import raises_bus_errors
from lineal.bus.protocol import Delivery, Position, Settlement
from lineal.kafka_client.group_consumer import Ack, GroupConsumer, OnRevoking
from lineal.kafka_client.record_batches import RecordBatches


class KafkaSubscription:
    """See :class:`lineal.bus.protocol.Subscription`.

    Args:
        consumer: makes the consumer, which calls back when partitions are revoked.
        topics: lineal's names by Kafka's.
    """

    def __init__(
        self,
        consumer: Callable[[OnRevoking], GroupConsumer],
        committer: Committer,
        topics: Mapping[str, str],
        *,
        on_closed: Callable[[KafkaSubscription], Awaitable[None]],
    ) -> None:
        self._consumer = consumer(self._on_revoking)
        self._committer = committer
        self._topics = topics
        self._on_closed = on_closed
        self._callback: Callable[[Collection[tuple[str, int]]], None] | None = None
        self._settling = asyncio.Lock()
        self._closed = False

    @raises_bus_errors
    async def open(self) -> None:
        """Join the group and find out where to begin.

        Raises:
            BusUnavailable
        """
        await self._consumer.open()

    @property
    def problem(self) -> str | None:
        """Why nothing is delivered now; None when all is well."""
        problem = self._consumer.problem
        if problem is not None and self._consumer.fenced:
            return f"{problem}: give each process its own LINEAL_KAFKA__SLOT"
        return problem

    def on_revoked(self, callback: Callable[[Collection[tuple[str, int]]], None]) -> None:
        self._callback = callback

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._consumer.close()
            await self._on_closed(self)

    @raises_bus_errors
    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        deliveries = []
        for partition, record in await self._consumer.fetch(limit, seconds):
            topic, number = self._topics[record.topic], record.partition
            event = read_event(
                topic, number, record.offset, record.key, record.value, record.headers,
                record.timestamp,
            )  # fmt: skip
            position = Position(topic, number, record.offset)
            deliveries.append(Delivery(position, event, partition.assignment))
        return deliveries

    @raises_bus_errors
    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        async with self._settling:
            rest: Sequence[Settlement] = settlements
            done: Sequence[Settlement]
            if committed := await self._consumer.resolve():
                done = [s for s in settlements if _ack(s.delivery) in committed]
                rest = [s for s in settlements if _ack(s.delivery) not in committed]
                await self._committer.write_after(done)
            if not rest:
                return []
            acks = [_ack(settlement.delivery) for settlement in rest]
            if any(settlement.touches_store for settlement in rest):
                own = self._consumer.in_flight(acks)
                await self._committer.write_before([rest[index] for index in own])
            indexes = await self._consumer.commit(acks, partial(self._batches, rest))
            done = _select(rest, indexes)
        await self._committer.write_after(done)
        if len(done) == len(rest):
            return []
        kept = set(indexes)
        return [settlement for index, settlement in enumerate(rest) if index not in kept]

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self._consumer.release(map(_ack, deliveries))

    async def _batches(
        self, settlements: Sequence[Settlement], indexes: Sequence[int]
    ) -> RecordBatches:
        return await self._committer.batches(_select(settlements, indexes))

    def _on_revoking(self, partitions: Collection[TopicPartition]) -> None:
        if self._callback is not None:
            self._callback([(self._topics[topic], number) for topic, number in partitions])


def _ack(delivery: Delivery) -> Ack:
    return Ack(delivery.generation, delivery.position.offset)


def _select(settlements: Sequence[Settlement], indexes: Sequence[int]) -> Sequence[Settlement]:
    if len(indexes) == len(settlements):
        return settlements
    return [settlements[index] for index in indexes]
