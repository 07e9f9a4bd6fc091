"""Commits under a name that one process has at a time: whoever takes it fences the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition

from lineal.bus.kafka.committing import Batches
from lineal.bus.kafka.translation import raises_bus_errors
from lineal.bus.protocol import Addressed
from lineal.effects.effect import Effect
from lineal.errors import BusUnavailable
from lineal.kafka_client.committed_offsets import GroupMetadata
from lineal.kafka_client.errors import TransactionInDoubt
from lineal.kafka_client.transactions import AlternatingProducers


class FencedCommitter:
    """One transaction after the other, under the transactional ids of a name.

    The broker refuses the transactions of who had the name before. A transaction never begins with
    an epoch that was got after the caller had looked whether the name is still its own: who was
    stopped in between would fence its successor. So after every failure :meth:`commit` gets new
    epochs and fails once more; the caller looks again, and repeats it.
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
        self._ready = False
        self._in_doubt: tuple[Sequence[Addressed], Sequence[Effect]] | None = None

    @raises_bus_errors
    async def open(self) -> None:
        """Take the name: what another process has begun under it is aborted.

        Raises:
            BusUnavailable
        """
        await self._producers.open()
        self._ready = True

    @raises_bus_errors
    async def commit(self, outputs: Sequence[Addressed], effects: Sequence[Effect]) -> None:
        """Commit outputs and effects in one transaction, unless the same were committed by one that
        was in doubt.

        Raises:
            BusUnavailable: nothing happened, or it is in doubt. Look whether the name is still
                one's own, then try again with the same.
        """
        wanted = (outputs, effects)
        async with self._lock:
            if self._in_doubt is not None:
                committed = await self._producers.resolve()
                in_doubt, self._in_doubt = self._in_doubt, None
                if committed and in_doubt == wanted:
                    return
            if not self._ready:
                await self.open()
                raise BusUnavailable("the last transaction failed: the next one begins anew")
            batches = await self._batches.of(outputs, effects)
            self._ready = False
            try:
                await self._producers.commit(
                    batches, self._group_metadata, {self._lineage: (0, ())}
                )
            except TransactionInDoubt as error:
                self._in_doubt = wanted
                error.end_if_cancelled()
                raise
            self._ready = True
