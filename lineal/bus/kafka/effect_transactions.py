"""Transactions of outputs and effects without a group of members, one after the other."""

from __future__ import annotations

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


class EffectTransactions:
    """One transaction at a time: callers see to that.

    A group without members keeps the name of the last: what became of a transaction in doubt is
    looked up there.
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
        self._in_doubt: _Committed | None = None

    async def open(self) -> None:
        """Abort what another process has begun under the same transactional ids, and fence it.

        Raises:
            KafkaUnavailable
        """
        await self._producers.open()

    async def resolve(self, outputs: Sequence[Addressed], effects: Sequence[Effect]) -> bool:
        """Whether these were committed by a transaction in doubt; then there is none in doubt.

        Raises:
            KafkaUnavailable: it is still in doubt.
        """
        if self._in_doubt is None:
            return False
        committed = await self._producers.resolve()
        in_doubt, self._in_doubt = self._in_doubt, None
        return committed and in_doubt == _Committed(outputs, effects)

    async def commit(self, outputs: Sequence[Addressed], effects: Sequence[Effect]) -> None:
        """Commit outputs and effects in one transaction.

        Raises:
            TransactionInDoubt: ask :meth:`resolve` before anything else.
            BusUnavailable, KafkaUnavailable: nothing happened.
        """
        batches = await self._batches.of(outputs, effects)
        try:
            await self._producers.commit(batches, self._group_metadata, {self._lineage: (0, ())})
        except TransactionInDoubt as error:
            self._in_doubt = _Committed(outputs, effects)
            error.end_if_cancelled()
            raise
