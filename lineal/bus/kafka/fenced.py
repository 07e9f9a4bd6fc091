"""Commits under a name that one process has at a time: whoever takes it fences the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lineal.bus.kafka.effect_transactions import EffectTransactions
from lineal.bus.kafka.translation import raises_bus_errors
from lineal.bus.protocol import Addressed
from lineal.effects.effect import Effect
from lineal.errors import BusUnavailable


class FencedCommitter:
    """One transaction after the other, under the transactional ids of a name.

    The broker refuses the transactions of who had the name before. A transaction never begins with
    an epoch that was got after the caller had looked whether the name is still its own: who was
    stopped in between would fence its successor. So after every failure :meth:`commit` gets new
    epochs and fails once more; the caller looks again, and repeats it.
    """

    def __init__(self, transactions: EffectTransactions) -> None:
        self._transactions = transactions
        self._lock = asyncio.Lock()
        self._ready = False

    @raises_bus_errors
    async def open(self) -> None:
        """Take the name: what another process has begun under it is aborted.

        Raises:
            BusUnavailable
        """
        await self._transactions.open()
        self._ready = True

    @raises_bus_errors
    async def commit(self, outputs: Sequence[Addressed], effects: Sequence[Effect]) -> None:
        """Commit outputs and effects in one transaction, unless the same were committed by one that
        was in doubt.

        Raises:
            BusUnavailable: nothing happened, or it is in doubt. Look whether the name is still
                one's own, then try again with the same.
        """
        async with self._lock:
            if await self._transactions.resolve(outputs, effects):
                return
            if not self._ready:
                await self.open()
                raise BusUnavailable("the last transaction failed: the next one begins anew")
            self._ready = False
            await self._transactions.commit(outputs, effects)
            self._ready = True
