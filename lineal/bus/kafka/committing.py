"""The records of a Kafka transaction: outputs, and one lineage event with the effects."""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiokafka import TopicPartition

from lineal.bus.kafka.messages import append_events
from lineal.bus.kafka.topics import Topics
from lineal.bus.marks import Marks
from lineal.bus.protocol import Addressed
from lineal.effects.codec import frame
from lineal.effects.effect import Effect
from lineal.kafka_client.record_batches import RecordBatches
from lineal.lineage.topic import lineage_event
from lineal_schemas.bindings import to_kafka

MAX_BYTES = 900_000
"""Of an event of effects; one larger effect is an event of its own. Brokers take 1 MiB by
default."""


class Batches:
    """Makes record batches of what is committed.

    Args:
        marks: what outputs and effects are marked with; None: not at all.
        lineage: the partition that effects go to: one, so that their order is that of the commits.
    """

    def __init__(self, topics: Topics, lineage: TopicPartition, marks: Marks | None) -> None:
        self._topics = topics
        self._lineage = lineage
        self._marks = marks

    async def of(self, outputs: Sequence[Addressed], effects: Sequence[Effect]) -> RecordBatches:
        """The batches of outputs and effects.

        Raises:
            BusUnavailable, KafkaUnavailable: a topic of an output cannot be created.
        """
        await self._topics.ensure(topic for topic, _ in outputs)
        batches = RecordBatches(transactional=True)
        if outputs:
            append_events(batches, self._topics, outputs, self._marks)
        now_ms = time.time_ns() // 1_000_000
        for data in effect_messages(effects):
            event = lineage_event(data)
            if self._marks is not None:
                event = self._marks.marked(event)
            batches.append(self._lineage, *to_kafka(event), now_ms)
        return batches


def effect_messages(effects: Sequence[Effect]) -> list[bytes]:
    """Effects in their order, as the data of as few events as they fit into."""
    messages = []
    frames: list[bytes] = []
    size = 0
    for part in map(frame, effects):
        if frames and size + len(part) > MAX_BYTES:
            messages.append(b"".join(frames))
            frames, size = [], 0
        frames.append(part)
        size += len(part)
    if frames:
        messages.append(b"".join(frames))
    return messages
