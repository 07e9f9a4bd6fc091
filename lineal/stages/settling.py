"""Settling what is done, in the largest batches that are ready, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from lineal.bus.protocol import Delivery, Settlement, Subscription
from lineal.errors import StateConflict
from lineal.stages.retry import unavailable

log = structlog.get_logger(__name__)

_MOST_PAUSE_SECONDS = 15.0
_LINGER_SECONDS = 0.1
_LOOK_SECONDS = 0.002


class Settler:
    """Collects settlements and makes them durable: while one batch is written the next collects.

    Args:
        bury: turns a settlement that cannot be written into one with a dead letter.
        again: handles a delivery anew whose state another event has changed meanwhile.
        finished: called with settlements that are done with, and whether they took effect.
        more_to_come: whether events are at hand that can be handled without waiting for anything.
        enough: as many settlements are not waited with for more.
    """

    def __init__(
        self,
        subscription: Subscription,
        bury: Callable[[Settlement, Exception], Settlement],
        again: Callable[[Delivery], Awaitable[Settlement]],
        finished: Callable[[Sequence[Settlement], bool], None],
        more_to_come: Callable[[], bool],
        *,
        enough: int,
    ) -> None:
        self._subscription = subscription
        self._bury = bury
        self._again = again
        self._finished = finished
        self._more_to_come = more_to_come
        self._enough = enough
        self._collected: list[Settlement] = []
        self._some = asyncio.Event()
        self._finish = asyncio.Event()

    def add(self, settlement: Settlement) -> None:
        """Have a settlement written soon."""
        self._collected.append(settlement)
        self._some.set()

    async def run(self) -> None:
        """Write what is added, until :meth:`finish` and all of it is written.

        Not to be cancelled: nobody could tell whether the batch at hand became durable, and a
        second try might double it.
        """
        while self._collected or not self._finish.is_set():
            await self._some.wait()
            await self._linger()
            self._some.clear()
            batch, self._collected = self._collected, []
            if batch:
                await self._write(batch)

    async def _linger(self) -> None:
        """Under load, wait for more: a transaction costs a broker as much as many events do."""
        clock = asyncio.get_running_loop().time
        until = clock() + _LINGER_SECONDS
        while (  # noqa: ASYNC110 - by then what was at hand may wait for something itself
            len(self._collected) < self._enough
            and self._more_to_come()
            and not self._finish.is_set()
            and clock() < until
        ):
            await asyncio.sleep(_LOOK_SECONDS)

    def finish(self) -> None:
        """Nothing more will be added. What cannot be written now, for want of room, is dropped:
        it was not settled and will be handled again."""
        self._finish.set()
        self._some.set()

    async def _write(self, batch: Sequence[Settlement]) -> None:
        pause = 0.1
        while True:
            try:
                lost = await self._subscription.settle(batch)
            except Exception as error:
                if unavailable(error):
                    log.error("settle.waiting", error=str(error), pause_seconds=pause)
                    if self._finish.is_set():
                        return
                    await self._pause(pause)
                    pause = min(pause * 2, _MOST_PAUSE_SECONDS)
                    continue
                await self._write_one_by_one(batch, error)
                return
            if lost:
                self._finished(lost, False)
            # By identity: settlements are compared often, and equal ones are not the same.
            gone = {id(settlement) for settlement in lost}
            self._finished([s for s in batch if id(s) not in gone], True)
            return

    async def _write_one_by_one(self, batch: Sequence[Settlement], error: Exception) -> None:
        """One settlement spoils the batch: find it, and write a dead letter in its place."""
        if len(batch) > 1:
            for settlement in batch:
                await self._write([settlement])
            return
        if isinstance(error, StateConflict):
            if not self._finish.is_set():
                await self._write([await self._again(batch[0].delivery)])
            return
        log.error("settle.failed", exc_info=error)
        buried = self._bury(batch[0], error)
        buried.delivery = batch[0].delivery
        await self._write_last([buried])

    async def _write_last(self, batch: Sequence[Settlement]) -> None:
        while True:
            try:
                lost = await self._subscription.settle(batch)
            except Exception as error:
                log.error("settle.cannot_bury", exc_info=error)
                if self._finish.is_set():
                    return
                await self._pause(_MOST_PAUSE_SECONDS)
                continue
            self._finished(batch, not lost)
            return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._finish.wait()
        except TimeoutError:
            pass
