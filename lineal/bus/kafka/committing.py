"""What belongs to settlements: records for a Kafka transaction, and the store's part around it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.lineage import lineage_messages, record_messages
from lineal.bus.kafka.messages import append_events
from lineal.bus.kafka.topics import Topics
from lineal.bus.protocol import Settlement
from lineal.effects.effect import Effect, apply
from lineal.effects.memo import MemoEntry
from lineal.errors import StoreUnavailable
from lineal.kafka_client.record_batches import RecordBatches
from lineal.lineage.record import Record
from lineal.lineage.travel import lineage_event
from lineal.store.connection import Store
from lineal_schemas.bindings import to_kafka

log = structlog.get_logger(__name__)


class Committer:
    """Prepares what is committed together with offsets.

    Args:
        lineage: the partition that lineage records go to.
    """

    def __init__(self, topics: Topics, store: Store, lineage: TopicPartition) -> None:
        self._topics = topics
        self._store = store
        self._lineage = lineage

    async def write_before(self, settlements: Sequence[Settlement]) -> None:
        """Apply the effects that others can read.

        Raises:
            StoreUnavailable
            Exception: one of them cannot be applied.
        """
        await self._apply([e for s in settlements for e in s.effects if e.read_by_others])

    async def write_after(self, settlements: Sequence[Settlement]) -> None:
        """Apply the others, which would be wrong had the step not been settled. If this process
        dies before, they are lost: whoever brings such effects must be able to do without."""
        effects = [e for s in settlements for e in s.effects if not e.read_by_others]
        try:
            # Memo entries come through the lineage topic.
            await self._apply([effect for effect in effects if not isinstance(effect, MemoEntry)])
        except StoreUnavailable as error:
            log.warning("settle.cannot_apply", error=str(error))
        except Exception as error:
            log.error("settle.cannot_apply", error=repr(error))

    async def batches(self, settlements: Sequence[Settlement]) -> RecordBatches:
        """Outputs and lineage.

        Raises:
            BusUnavailable, KafkaUnavailable: a topic of an output cannot be created.
        """
        await self._topics.ensure(topic for s in settlements for topic, _ in s.outputs)
        batches = RecordBatches(transactional=True)
        for settlement in settlements:
            if settlement.outputs:
                append_events(batches, self._topics, settlement.outputs)
        self._append_lineage(batches, lineage_messages(settlements))
        return batches

    def record_batches(self, records: Sequence[Record]) -> RecordBatches:
        """Lineage records alone."""
        batches = RecordBatches(transactional=True)
        self._append_lineage(batches, record_messages(records))
        return batches

    def _append_lineage(self, batches: RecordBatches, messages: Sequence[bytes]) -> None:
        now_ms = time.time_ns() // 1_000_000
        for message in messages:
            batches.append(self._lineage, *to_kafka(lineage_event(message)), now_ms)

    async def _apply(self, effects: Sequence[Effect]) -> None:
        if effects:
            await self._store.write(lambda connection: apply(connection, effects))
