"""Publishes events in portions that the producer can send at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lineal.bus.kafka.messages import append_events
from lineal.bus.kafka.topics import Topics
from lineal.bus.marks import Marks
from lineal.bus.protocol import Position
from lineal.kafka_client.producer import MAX_SEND_BYTES, IdempotentProducer
from lineal_schemas.envelope import RawEvent

_ENVELOPE_BYTES = 512
"""About the size of an event's envelope, in bytes."""


class Publisher:
    """Publishes events to topics that exist."""

    def __init__(self, producer: IdempotentProducer, topics: Topics, marks: Marks | None) -> None:
        self._producer = producer
        self._topics = topics
        self._marks = marks

    async def publish(self, events: Sequence[tuple[str, RawEvent]]) -> list[Position]:
        """See :meth:`lineal.bus.protocol.Bus.publish`.

        Raises:
            KafkaUnavailable
            RecordsRejected: the broker refuses the events.
        """
        positions: list[Position] = []
        part: list[tuple[str, RawEvent]] = []
        size = 0
        for topic, event in events:
            part.append((topic, event))
            size += len(event.data) + _ENVELOPE_BYTES
            if size >= MAX_SEND_BYTES:
                positions += await self._publish_part(part, size)
                part, size = [], 0
        if part:
            positions += await self._publish_part(part, size)
        return positions

    async def close(self) -> None:
        """Wait for what is being published."""
        await self._producer.close()

    async def _publish_part(
        self, events: Sequence[tuple[str, RawEvent]], size: int
    ) -> list[Position]:
        append = partial(append_events, topics=self._topics, events=events, marks=self._marks)
        stored = await self._producer.send(append, size)
        return [
            Position(topic, topic_partition.partition, offset)
            for (topic, _), (topic_partition, offset) in zip(events, stored, strict=True)
        ]
