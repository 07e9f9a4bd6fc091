"""Committing results in the largest batches that are ready, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from lineal.bus.protocol import AssignmentLost, Batch, Delivery
from lineal.committing import Commit
from lineal.errors import StateConflict
from lineal.stages.result import StepResult, to_batch
from lineal.stages.retry import unavailable

log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.1
_MAX_PAUSE_SECONDS = 15.0
LINGER_SECONDS = 0.1
_POLL_SECONDS = 0.002


class HandledResults(Protocol):
    """Where results that are yet to be committed come from."""

    handled: list[StepResult]
    some_handled: asyncio.Event
    """Set whenever there are more of them, and at the end."""

    @property
    def has_pending(self) -> bool:
        """Whether events are at hand that can be handled without waiting for anything."""
        ...

    def take_handled(self) -> list[StepResult]:
        """Those there are, which are the caller's from now on."""
        ...

    def undo(self, result: StepResult) -> None:
        """A result will not be committed as it is: those that were made after it are outdated."""
        ...


@dataclass(slots=True)
class _Write:
    """Results that are to be committed together."""

    results: Sequence[StepResult]
    batch: Batch
    pause_seconds: float
    """How long to wait before it is tried again."""
    dead_letter: bool = False


class CommitQueue:
    """Makes results durable: while one batch is written the next collects.

    Args:
        source: where results come from.
        commit: commits a batch.
        dead_letter: turns a result that cannot be written into that of a dead letter.
        reprocess: handles a delivery again whose state another event has changed meanwhile.
        finished: called with results that are done with, and whether they took effect.
        enough: as many results are not waited with for more.
        linger_seconds: nor are others for longer than this.
        first_pause_seconds, max_pause_seconds: how long to wait before what could not be written is
            tried again; the pause doubles from the first to the longest.
    """

    def __init__(
        self,
        source: HandledResults,
        commit: Commit,
        *,
        dead_letter: Callable[[Delivery, Exception], StepResult],
        reprocess: Callable[[Delivery], Awaitable[StepResult]],
        finished: Callable[[Sequence[StepResult], bool], None],
        enough: int,
        linger_seconds: float = LINGER_SECONDS,
        first_pause_seconds: float = _FIRST_PAUSE_SECONDS,
        max_pause_seconds: float = _MAX_PAUSE_SECONDS,
    ) -> None:
        self._source = source
        self._commit = commit
        self._dead_letter = dead_letter
        self._reprocess = reprocess
        self._finished = finished
        self._enough = enough
        self._linger_seconds = linger_seconds
        self._first_pause_seconds = first_pause_seconds
        self._max_pause_seconds = max_pause_seconds
        self._writes: list[_Write] = []
        """What is to be committed before anything else: the last one first."""
        self._finish = asyncio.Event()
        self._gave_up = False
        self.problem: str | None = None
        """Why nothing can be committed at present."""

    def finish(self) -> None:
        """Nothing more will be handled. What cannot be written now, for want of room, is dropped:
        it was not committed and will be handled again; nor is anything after it, which would
        overtake it."""
        self._finish.set()
        self._source.some_handled.set()

    async def run(self) -> None:
        """Commit what is handled, until :meth:`finish` and all of it is committed.

        Not to be cancelled: nobody could tell whether the batch at hand became durable, and a
        second try might double it.
        """
        while (write := await self._next_write()) is not None:
            if any(result.outdated for result in write.results):
                await self._renew(write)
                continue
            try:
                await self._commit(write.batch)
            except AssignmentLost as lost:
                self.problem = None
                self._drop(write, lost.deliveries)
            except Exception as error:
                await self._failed(write, error)
            else:
                self.problem = None
                self._writes.pop()
                self._finished(write.results, True)

    async def _next_write(self) -> _Write | None:
        while not self._writes and not self._gave_up:
            if not self._source.handled and self._finish.is_set():
                return None
            await self._source.some_handled.wait()
            await self._linger()
            if results := self._source.take_handled():
                self._put(results)
        return self._writes[-1] if not self._gave_up else None

    def _put(self, results: Sequence[StepResult], *, dead_letter: bool = False) -> None:
        pause = self._max_pause_seconds if dead_letter else self._first_pause_seconds
        self._writes.append(_Write(results, to_batch(results), pause, dead_letter))

    async def _linger(self) -> None:
        """Under load, wait for more: a transaction costs a broker as much as many events do."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._linger_seconds
        while (  # noqa: ASYNC110 - by then what was at hand may wait for something itself
            len(self._source.handled) < self._enough
            and self._source.has_pending
            and not self._finish.is_set()
            and clock() < until
        ):
            await asyncio.sleep(_POLL_SECONDS)

    def _drop(self, write: _Write, lost: Sequence[Delivery]) -> None:
        """Some deliveries of a batch belong to another worker now."""
        # By identity: deliveries are compared often, and equal ones are not the same.
        gone = {id(delivery) for delivery in lost}
        self._writes.pop()
        lost_results = [result for result in write.results if id(result.delivery) in gone]
        for result in lost_results:
            self._source.undo(result)
        self._finished(lost_results, False)
        if kept := [result for result in write.results if id(result.delivery) not in gone]:
            self._put(kept)

    async def _renew(self, write: _Write) -> None:
        """Handle the first outdated result again, when what comes before it is committed. Nothing
        of the batch has been tried yet."""
        first = next(n for n, result in enumerate(write.results) if result.outdated)
        before, outdated, after = (
            write.results[:first], write.results[first], write.results[first + 1 :],
        )  # fmt: skip
        self._writes.pop()
        if before:
            self._put(write.results[first:])
            self._put(before)
            return
        if after:
            self._put(after)
        # At the end it is dropped, and so is all of its key that comes after it.
        if not self._finish.is_set():
            self._put([await self._reprocess(outdated.delivery)])

    async def _failed(self, write: _Write, error: Exception) -> None:
        """Nothing of a batch took effect."""
        if write.dead_letter or unavailable(error):
            # The very same batch again: a bus in doubt about a commit recognises it.
            self.problem = f"cannot commit{' a dead letter' * write.dead_letter}: {error}"
            await self._wait(write, error)
            return
        self.problem = None
        self._writes.pop()
        if len(write.results) > 1:
            # One of them spoils the batch: each on its own, the first of them first.
            for result in reversed(write.results):
                self._put([result])
            return
        self._source.undo(write.results[0])
        delivery = write.results[0].delivery
        if not isinstance(error, StateConflict):
            log.error("commit.failed", exc_info=error)
            self._put([self._dead_letter(delivery, error)], dead_letter=True)
        elif not self._finish.is_set():
            self._put([await self._reprocess(delivery)])

    async def _wait(self, write: _Write, error: Exception) -> None:
        """Wait before a batch is tried again; at the end, give up."""
        pause = write.pause_seconds
        if write.dead_letter:
            log.error("commit.dead_letter_failed", exc_info=error)
        else:
            log.error("commit.waiting", error=str(error), pause_seconds=pause)
        if self._finish.is_set():
            self._gave_up = True
            return
        write.pause_seconds = min(pause * 2, self._max_pause_seconds)
        try:
            async with asyncio.timeout(pause):
                await self._finish.wait()
        except TimeoutError:
            pass
