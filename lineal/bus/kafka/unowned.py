"""Settling what no group was given: replays, redrives, acts that have no event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiokafka import TopicPartition

from lineal.bus.kafka.completed import encode
from lineal.bus.kafka.errors import InDoubt
from lineal.bus.kafka.settling import Settling
from lineal.bus.kafka.transactions import Membership
from lineal.bus.protocol import Settlement
from lineal.lineage.record import Record


class UnownedSettling:
    """One transaction after the other. A group of its own, without members, keeps the name of the
    last: what was in doubt can be looked up there."""

    def __init__(self, group: str, settling: Settling, lineage: TopicPartition) -> None:
        self._lineage = lineage
        self._membership = Membership(group)
        self._settling = settling
        self._lock = asyncio.Lock()
        self._doubted: object = None
        self.used = False

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """See :meth:`lineal.bus.protocol.Bus.settle_unowned`."""
        await self._settling.write_before(settlements)
        await self._commit(
            settlements,
            lambda: self._settling.commit(settlements, self._membership, self._marks),
        )
        await self._settling.write_after(settlements)

    async def record(self, records: Sequence[Record]) -> None:
        """See :meth:`lineal.bus.protocol.Bus.record`."""
        await self._commit(
            records,
            lambda: self._settling.commit_records(records, self._membership, self._marks),
        )

    async def _commit(self, what: Sequence[object], commit: Callable[[], Awaitable[None]]) -> None:
        async with self._lock:
            self.used = True
            if self._doubted is not None:
                doubted = self._doubted
                took_effect = await self._settling.took_effect()
                self._doubted = None
                if took_effect and doubted is what:
                    return
            try:
                await commit()
            except InDoubt:
                self._doubted = what
                raise

    def _marks(self, name: str) -> Mapping[TopicPartition, tuple[int, str]]:
        return {self._lineage: (0, encode(0, (), name))}
