"""Committing results in the largest batches that are ready, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from lineal.bus.protocol import AssignmentLost, Delivery, Subscription
from lineal.committing import Committer
from lineal.errors import StateConflict
from lineal.stages.result import StepResult, to_batch
from lineal.stages.retry import unavailable

log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.1
_MAX_PAUSE_SECONDS = 15.0
LINGER_SECONDS = 0.1
_POLL_SECONDS = 0.002


class CommitQueue:
    """Collects results and makes them durable: while one batch is written the next collects.

    Args:
        dead_letter: turns a result that cannot be written into that of a dead letter.
        reprocess: handles a delivery again whose state another event has changed meanwhile.
        finished: called with results that are done with, and whether they took effect.
        more_to_come: whether events are at hand that can be handled without waiting for anything.
        enough: as many results are not waited with for more.
        linger_seconds: nor are others for longer than this.
        first_pause_seconds, max_pause_seconds: how long to wait before what could not be written is
            tried again; the pause doubles from the first to the longest.
    """

    def __init__(
        self,
        subscription: Subscription,
        committer: Committer,
        *,
        dead_letter: Callable[[Delivery, Exception], StepResult],
        reprocess: Callable[[Delivery], Awaitable[StepResult]],
        finished: Callable[[Sequence[StepResult], bool], None],
        more_to_come: Callable[[], bool],
        enough: int,
        linger_seconds: float = LINGER_SECONDS,
        first_pause_seconds: float = _FIRST_PAUSE_SECONDS,
        max_pause_seconds: float = _MAX_PAUSE_SECONDS,
    ) -> None:
        self._subscription = subscription
        self._committer = committer
        self._dead_letter = dead_letter
        self._reprocess = reprocess
        self._finished = finished
        self._more_to_come = more_to_come
        self._enough = enough
        self._linger_seconds = linger_seconds
        self._first_pause_seconds = first_pause_seconds
        self._max_pause_seconds = max_pause_seconds
        self._collected: list[StepResult] = []
        self._some = asyncio.Event()
        self._finish = asyncio.Event()
        self._gave_up = False
        self.problem: str | None = None
        """Why nothing can be committed at present."""

    def add(self, results: Sequence[StepResult]) -> None:
        """Have results committed soon."""
        self._collected += results
        self._some.set()

    def finish(self) -> None:
        """Nothing more will be added. What cannot be written now, for want of room, is dropped:
        it was not committed and will be handled again; nor is anything after it, which would
        overtake it."""
        self._finish.set()
        self._some.set()

    async def run(self) -> None:
        """Commit what is added, until :meth:`finish` and all of it is committed.

        Not to be cancelled: nobody could tell whether the batch at hand became durable, and a
        second try might double it.
        """
        while self._collected or not self._finish.is_set():
            await self._some.wait()
            await self._linger()
            self._some.clear()
            results, self._collected = self._collected, []
            if results and not self._gave_up:
                await self._commit(results)

    async def _linger(self) -> None:
        """Under load, wait for more: a transaction costs a broker as much as many events do."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._linger_seconds
        while (  # noqa: ASYNC110 - by then what was at hand may wait for something itself
            len(self._collected) < self._enough
            and self._more_to_come()
            and not self._finish.is_set()
            and clock() < until
        ):
            await asyncio.sleep(_POLL_SECONDS)

    async def _commit(self, results: Sequence[StepResult]) -> None:
        pause = self._first_pause_seconds
        batch = to_batch(results)
        while results:
            try:
                await self._committer.commit(self._subscription, batch)
            except AssignmentLost as lost:
                self.problem = None
                results = self._without(results, lost.deliveries)
                batch = to_batch(results)
            except Exception as error:
                if not unavailable(error):
                    self.problem = None
                    await self._commit_one_by_one(results, error)
                    return
                # The very same batch again: a bus in doubt about a commit recognises it.
                self.problem = f"cannot commit: {error}"
                log.error("commit.waiting", error=str(error), pause_seconds=pause)
                if self._finish.is_set():
                    self._gave_up = True
                    return
                await self._pause(pause)
                pause = min(pause * 2, self._max_pause_seconds)
            else:
                self.problem = None
                self._finished(results, True)
                return

    def _without(
        self, results: Sequence[StepResult], lost: Sequence[Delivery]
    ) -> Sequence[StepResult]:
        # By identity: deliveries are compared often, and equal ones are not the same.
        gone = {id(delivery) for delivery in lost}
        self._finished([result for result in results if id(result.delivery) in gone], False)
        return [result for result in results if id(result.delivery) not in gone]

    async def _commit_one_by_one(self, results: Sequence[StepResult], error: Exception) -> None:
        """One result spoils the batch: find it, and write a dead letter in its place."""
        if len(results) > 1:
            for result in results:
                if not self._gave_up:
                    await self._commit([result])
            return
        delivery = results[0].delivery
        if isinstance(error, StateConflict):
            if not self._finish.is_set():
                await self._commit([await self._reprocess(delivery)])
            return
        log.error("commit.failed", exc_info=error)
        await self._commit_dead_letter([self._dead_letter(delivery, error)])

    async def _commit_dead_letter(self, results: Sequence[StepResult]) -> None:
        while True:
            try:
                await self._committer.commit(self._subscription, to_batch(results))
            except AssignmentLost:
                self.problem = None
                self._finished(results, False)
                return
            except Exception as error:
                self.problem = f"cannot commit a dead letter: {error}"
                log.error("commit.dead_letter_failed", exc_info=error)
                if self._finish.is_set():
                    self._gave_up = True
                    return
                await self._pause(self._max_pause_seconds)
            else:
                self.problem = None
                self._finished(results, True)
                return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._finish.wait()
        except TimeoutError:
            pass
