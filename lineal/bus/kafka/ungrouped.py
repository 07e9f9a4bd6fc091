"""Commits without a group, for replays, redrives and acts of people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import TopicPartition

from lineal.bus.kafka.committing import Batches
from lineal.bus.protocol import Addressed
from lineal.effects.effect import Effect
from lineal.kafka_client.committed_offsets import GroupMetadata
from lineal.kafka_client.errors import TransactionInDoubt
from lineal.kafka_client.transactions import AlternatingProducers


class _Committed(NamedTuple):
    """What a transaction commits."""

    outputs: Sequence[Addressed]
    effects: Sequence[Effect]


class UngroupedCommitter:
    """Commits one transaction after the other.

    A group of its own, without members, keeps the name of the last: what became of a transaction in
    doubt is looked up there.
    """

    def __init__(
        self,
        group: str,
        batches: Batches,
        producers: AlternatingProducers,
        lineage: TopicPartition,
    ) -> None:
        self._group_metadata = GroupMetadata(group)
        self._batches = batches
        self._producers = producers
        self._lineage = lineage
        self._lock = asyncio.Lock()
        self._in_doubt: _Committed | None = None

    async def commit(self, outputs: Sequence[Addressed], effects: Sequence[Effect]) -> None:
        """Commit outputs and effects in one transaction.

        The very same again, after a failure that left it open whether they were committed, are not
        committed twice.

        Raises:
            BusUnavailable, KafkaUnavailable: try again with the same.
        """
        committed = _Committed(outputs, effects)
        async with self._lock:
            if await self._resolve(committed):
                return
            batches = await self._batches.of(outputs, effects)
            try:
                await self._producers.commit(
                    batches, self._group_metadata, {self._lineage: (0, ())}
                )
            except TransactionInDoubt as error:
                self._in_doubt = committed
                error.end_if_cancelled()
                raise

    async def _resolve(self, wanted: _Committed) -> bool:
        """Whether this was committed by the transaction in doubt."""
        if self._in_doubt is None:
            return False
        committed = await self._producers.resolve()
        in_doubt, self._in_doubt = self._in_doubt, None
        return committed and in_doubt == wanted
