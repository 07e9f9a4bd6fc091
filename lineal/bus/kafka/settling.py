"""Making settlements durable: a transaction on Kafka, with the store's part before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.batches import Batches
from lineal.bus.kafka.lineage import lineage_messages, record_messages
from lineal.bus.kafka.messages import add_events
from lineal.bus.kafka.topics import Topics
from lineal.bus.kafka.transactions import Membership, Transactions
from lineal.bus.protocol import Settlement
from lineal.effects.effect import Effect, apply
from lineal.effects.memo import MemoEntry
from lineal.lineage.record import Record
from lineal.store.connection import Store, StoreUnavailable

log = structlog.get_logger(__name__)

Marks = Callable[[str], Mapping[TopicPartition, tuple[int, str]]]


class Settling:
    """What belongs to settlements, written to Kafka in one transaction after the other.

    Two producers take turns: while the brokers still note the end of one's transaction on every
    partition, it cannot begin the next.

    Args:
        lineage: the partition that records go to.
    """

    def __init__(
        self,
        topics: Topics,
        store: Store,
        transactions: tuple[Transactions, Transactions],
        lineage: TopicPartition,
    ) -> None:
        self._topics = topics
        self._store = store
        self._next, self._last = transactions
        self._lineage = lineage

    async def open(self) -> None:
        """End what a predecessor left open.

        Raises:
            BusUnavailable
        """
        await self._next.open()
        await self._last.open()

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

    async def commit(
        self, settlements: Sequence[Settlement], membership: Membership, marks: Marks
    ) -> None:
        """Outputs, lineage and offsets, in one transaction.

        Raises:
            As :meth:`Transactions.commit`.
        """
        await self._topics.ensure_outputs(settlements)
        batches = Batches(transactional=True)
        for settlement in settlements:
            if settlement.outputs:
                add_events(batches, self._topics, settlement.outputs)
        self._add_lineage(batches, lineage_messages(settlements))
        await self._commit(batches, membership, marks)

    async def commit_records(
        self, records: Sequence[Record], membership: Membership, marks: Marks
    ) -> None:
        """Records alone.

        Raises:
            As :meth:`Transactions.commit`.
        """
        batches = Batches(transactional=True)
        self._add_lineage(batches, record_messages(records))
        await self._commit(batches, membership, marks)

    async def took_effect(self) -> bool:
        """See :meth:`Transactions.took_effect`."""
        return await self._last.took_effect()

    async def _commit(self, batches: Batches, membership: Membership, marks: Marks) -> None:
        self._next, self._last = self._last, self._next
        await self._last.commit(batches, membership, marks)

    def _add_lineage(self, batches: Batches, messages: Sequence[bytes]) -> None:
        now_ms = time.time_ns() // 1_000_000
        for message in messages:
            batches.add(self._lineage, None, message, [], now_ms)

    async def _apply(self, effects: Sequence[Effect]) -> None:
        if effects:
            await self._store.write(lambda connection: apply(connection, effects))
