"""Commits without a group: replays, redrives, acts that have no event."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition

from lineal.bus.kafka.committing import Committer
from lineal.bus.protocol import Settlement
from lineal.kafka_client.committed_offsets import GroupMetadata
from lineal.kafka_client.errors import TransactionInDoubt
from lineal.kafka_client.record_batches import RecordBatches
from lineal.kafka_client.transactions import AlternatingProducers
from lineal.lineage.record import Record


class UngroupedCommitter:
    """One transaction after the other.

    A group of its own, without members, keeps the name of the last: what became of a transaction in
    doubt is looked up there.
    """

    def __init__(
        self,
        group: str,
        committer: Committer,
        producers: AlternatingProducers,
        lineage: TopicPartition,
    ) -> None:
        self._group_metadata = GroupMetadata(group)
        self._committer = committer
        self._producers = producers
        self._lineage = lineage
        self._lock = asyncio.Lock()
        self._in_doubt: object = None
        self.used = False

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """See :meth:`lineal.bus.protocol.Bus.settle_unowned`."""
        await self._committer.write_before(settlements)
        async with self._lock:
            if not await self._resolve(settlements):
                await self._commit(settlements, await self._committer.batches(settlements))
        await self._committer.write_after(settlements)

    async def record(self, records: Sequence[Record]) -> None:
        """See :meth:`lineal.bus.protocol.Bus.record`."""
        async with self._lock:
            if not await self._resolve(records):
                await self._commit(records, self._committer.record_batches(records))

    async def _resolve(self, what: Sequence[object]) -> bool:
        """Whether this was committed by the transaction in doubt."""
        self.used = True
        if self._in_doubt is None:
            return False
        committed = await self._producers.resolve()
        in_doubt, self._in_doubt = self._in_doubt, None
        return committed and in_doubt is what

    async def _commit(self, what: Sequence[object], batches: RecordBatches) -> None:
        try:
            await self._producers.commit(batches, self._group_metadata, {self._lineage: (0, ())})
        except TransactionInDoubt:
            self._in_doubt = what
            raise
