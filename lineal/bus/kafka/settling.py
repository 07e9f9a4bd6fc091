"""Making settlements durable: a transaction on Kafka, with the store's part before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition

from lineal.bus.kafka.batches import Batches
from lineal.bus.kafka.lineage import lineage_messages, record_messages
from lineal.bus.kafka.messages import add_events
from lineal.bus.kafka.topics import Topics
from lineal.bus.kafka.transactions import Membership, Transactions
from lineal.bus.protocol import Settlement, Write
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
        """The store's part that may be written though the step may not be settled after all.

        Raises:
            StoreUnavailable
            Exception: one of the writes cannot be done.
        """
        await self._write([write for s in settlements for write in s.writes])

    async def write_after(self, settlements: Sequence[Settlement]) -> None:
        """The part that may be written only after the step is settled; or never."""
        try:
            await self._write([write for s in settlements for write in s.cleanups])
        except StoreUnavailable as error:
            log.warning("settle.cannot_clean_up", error=str(error))
        except Exception as error:
            log.error("settle.cannot_clean_up", error=repr(error))

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

    async def _write(self, writes: Sequence[Write]) -> None:
        if not writes:
            return

        def apply(connection: Any) -> None:
            for write in writes:
                write(connection)

        await self._store.write(apply)
