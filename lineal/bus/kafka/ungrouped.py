"""Commits without a group, for replays, redrives and acts of people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lineal.bus.kafka.effect_transactions import EffectTransactions
from lineal.bus.protocol import Addressed
from lineal.effects.effect import Effect


class UngroupedCommitter:
    """Commits one transaction after the other."""

    def __init__(self, transactions: EffectTransactions) -> None:
        self._transactions = transactions
        self._lock = asyncio.Lock()

    async def commit(self, outputs: Sequence[Addressed], effects: Sequence[Effect]) -> None:
        """Commit outputs and effects in one transaction.

        The very same again, after a failure that left it open whether they were committed, are not
        committed twice.

        Raises:
            BusUnavailable, KafkaUnavailable: try again with the same.
        """
        async with self._lock:
            if not await self._transactions.resolve(outputs, effects):
                await self._transactions.commit(outputs, effects)
