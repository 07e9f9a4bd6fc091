"""The subscription of a group's worker on Kafka: records as events, batches as transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aiokafka import TopicPartition

from lineal.bus.kafka.committing import Batches
from lineal.bus.kafka.messages import read_event
from lineal.bus.kafka.translation import raises_bus_errors
from lineal.bus.protocol import AssignmentLost, Batch, Delivery, OnRevoking, Position
from lineal.errors import BusUnavailable
from lineal.kafka_client.group_consumer import Ack, GroupConsumer
from lineal.kafka_client.group_consumer import OnRevoking as OnRevokingPartitions
from lineal.kafka_client.record_batches import RecordBatches


class KafkaSubscription:
    """See :class:`lineal.bus.protocol.Subscription`.

    Args:
        consumer: makes the consumer, which calls back when partitions are revoked.
        topics: lineal's names by Kafka's.
    """

    def __init__(
        self,
        consumer: Callable[[OnRevokingPartitions], GroupConsumer],
        batches: Batches,
        topics: Mapping[str, str],
        *,
        on_revoking: OnRevoking | None,
        on_closed: Callable[[KafkaSubscription], Awaitable[None]],
    ) -> None:
        self._consumer = consumer(self._on_revoking)
        self._batches = batches
        self._topics = topics
        self._on_closed = on_closed
        self._callback = on_revoking
        self._committing = asyncio.Lock()
        self._closed = False

    @raises_bus_errors
    async def open(self) -> None:
        """Join the group and find out where to begin.

        Raises:
            BusUnavailable
        """
        await self._consumer.open()

    def _problem(self) -> str | None:
        problem = self._consumer.problem
        if problem is not None and self._consumer.fenced:
            return f"{problem}: give each process its own LINEAL_KAFKA__MEMBER_ID"
        return problem

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
        if not deliveries and (problem := self._problem()) is not None:
            raise BusUnavailable(problem)
        return deliveries

    @raises_bus_errors
    async def commit(self, batch: Batch) -> None:
        acks = list(map(_ack, batch.acks))
        async with self._committing:
            if committed := await self._consumer.resolve():
                done = [ack in committed for ack in acks]
                if all(done):
                    return
                _check_assigned(
                    batch.acks, [index for index, is_done in enumerate(done) if not is_done]
                )

            async def batches(indexes: Sequence[int]) -> RecordBatches:
                # Before anything is sent: all of the batch is committed, or nothing.
                _check_assigned(batch.acks, indexes)
                return await self._batches.of(batch.outputs, batch.effects)

            _check_assigned(batch.acks, await self._consumer.commit(acks, batches))

    def check_assigned(self, deliveries: Sequence[Delivery]) -> None:
        """See :class:`lineal.bus.protocol.AssignmentCheck`."""
        # What is in doubt may be committed, though its partition is another's now.
        if not self._consumer.in_doubt:
            _check_assigned(deliveries, self._consumer.in_flight(list(map(_ack, deliveries))))

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self._consumer.release(map(_ack, deliveries))

    def _on_revoking(self, partitions: Collection[TopicPartition]) -> None:
        if self._callback is not None:
            self._callback([(self._topics[topic], number) for topic, number in partitions])


def _ack(delivery: Delivery) -> Ack:
    return Ack(delivery.assignment, delivery.position.offset)


def _check_assigned(acks: Sequence[Delivery], indexes: Sequence[int]) -> None:
    """Raise :class:`AssignmentLost` for those whose index is missing."""
    if len(indexes) < len(acks):
        assigned = set(indexes)
        raise AssignmentLost([d for index, d in enumerate(acks) if index not in assigned])
