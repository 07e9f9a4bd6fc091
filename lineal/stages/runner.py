"""The stage runner: pulls events, hands them to lanes, has them settled, and drains."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field

import structlog

from lineal.bus.protocol import Delivery, Settlement, Subscription
from lineal.observability.current_event import current_event
from lineal.observability.metrics import StageMetrics
from lineal.stages.attempts import Attempts
from lineal.stages.binding import BoundStage
from lineal.stages.lanes import Lanes
from lineal.stages.retry import RetryPolicy
from lineal.stages.settling import Settler

log = structlog.get_logger(__name__)

_FETCH_SECONDS = 1.0
_GOOD_PART = 4
_PART_SETTLED = 3
"""Of what is in memory a third is being settled, a third waits for it, and a third is at work."""
_LINGER_SECONDS = 0.05
_TURN_SECONDS = 0.002
"""How long a task handles events before it lets others have the loop: what is being settled waits
for answers meanwhile, a turn for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """Bounds of a runner.

    Attributes:
        lanes: how many keys are handled at the same time, where the stage does not say.
        prefetch: how many events are held in memory at most, begun or waiting.
        drain_seconds: how long begun work may take to finish on shutdown.
    """

    lanes: int = 512
    prefetch: int = 1024
    drain_seconds: float = 20.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class StageRunner:
    """Runs one bound stage on one subscription.

    Args:
        on_settled: called with the settlements that took effect; replays count with it.
    """

    def __init__(
        self,
        bound: BoundStage,
        subscription: Subscription,
        settings: RunnerSettings | None = None,
        *,
        on_settled: Callable[[Sequence[Settlement]], None] | None = None,
    ) -> None:
        self._settings = settings or RunnerSettings()
        self._bound = bound
        self._stage = bound.stage.name
        self._subscription = subscription
        self._metrics = StageMetrics(self._stage)
        self._attempts = Attempts(bound, self._stage, self._settings.retry, self._metrics)
        self._settler = Settler(
            subscription,
            lambda settlement, error: self._attempts.bury(settlement.delivery, error, 1),
            self._attempts.settle_or_bury,
            self._finished,
            lambda: self._lanes.may_begin,
            enough=self._settings.prefetch // _PART_SETTLED,
        )
        self._on_settled = on_settled
        self._follows = bound.stage.memo
        """What a step makes follows from its event: it need not see what the one before wrote."""
        self._lanes = Lanes(bound.stage.lanes or self._settings.lanes)
        self._hands: dict[asyncio.Task[None], Delivery | None] = {}
        """The tasks that handle events, each with the one it has at hand."""
        self._calling = False
        self._paused = False
        """A hand has let others have the loop, and goes on with its next turn."""
        self._coming: Sequence[Delivery] = ()
        """Fetched, and not in a lane yet."""
        self._pulling: asyncio.Task[None] | None = None
        self._fetching = False
        self._room = asyncio.Event()
        self._stopping = asyncio.Event()
        subscription.on_revoked(self._revoked)

    @property
    def in_flight(self) -> int:
        """Events begun or waiting."""
        return self._lanes.size

    def stop(self) -> None:
        """Begin to drain: no new events; what has begun finishes within the budget."""
        self._stopping.set()
        self._room.set()
        if self._fetching and self._pulling is not None:
            self._pulling.cancel()

    async def run(self) -> None:
        """Handle events until :meth:`stop`, then drain and leave the group."""
        settling = asyncio.create_task(self._settler.run())
        # Without it nothing is settled any more: better to end, and be seen to have ended.
        settling.add_done_callback(lambda _: self.stop())
        self._pulling = asyncio.create_task(self._pull())
        try:
            await self._pulling
        except asyncio.CancelledError:
            # By stop(), the moment before it ended by itself; or we are cancelled ourselves.
            task = asyncio.current_task()
            if not self._stopping.is_set() or (task is not None and task.cancelling()):
                raise
        finally:
            await self._drain()
            self._settler.finish()
            results = await asyncio.gather(settling, return_exceptions=True)
            await self._subscription.close()
        if isinstance(results[0], BaseException):
            raise results[0]

    async def _pull(self) -> None:
        prefetch = self._settings.prefetch
        while not self._stopping.is_set():
            room = await self._wait_for_room(prefetch)
            if self._stopping.is_set():
                break
            self._fetching = True
            try:
                # In this task, so that nothing runs between what the bus hands out and the next
                # line: were its partition asked back then, what is known of it would be released,
                # and what is not would overtake it.
                self._coming = await self._subscription.fetch(room, _FETCH_SECONDS)
            except asyncio.CancelledError:
                if self._stopping.is_set():
                    break
                raise
            except Exception as error:
                self._fetching = False
                log.error("runner.cannot_fetch", stage=self._stage, error=str(error))
                await self._wait_a_moment()
                continue
            self._fetching = False
            await self._look_ahead(self._coming)
            for delivery in self._coming:
                self._lanes.add(delivery)
            self._coming = ()
            self._begin()

    async def _wait_a_moment(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FETCH_SECONDS):
                await self._stopping.wait()

    async def _look_ahead(self, batch: Sequence[Delivery]) -> None:
        try:
            await self._bound.look_ahead(batch)
        except Exception as error:
            # Each event asks again for itself, and is tried again until the store answers.
            log.warning("runner.cannot_look_ahead", stage=self._stage, error=repr(error))

    async def _wait_for_room(self, prefetch: int) -> int:
        """Wait for a good part of the room, so that batches stay batches under load; but after a
        while for any: slow keys may keep the rest for long."""
        if prefetch - self._lanes.size < prefetch // _GOOD_PART:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LINGER_SECONDS):
                    await self._wait_until_in_flight(prefetch - prefetch // _GOOD_PART)
        await self._wait_until_in_flight(prefetch - 1)
        return prefetch - self._lanes.size

    async def _wait_until_in_flight(self, most: int) -> None:
        while self._lanes.size > most and not self._stopping.is_set():
            self._room.clear()
            await self._room.wait()

    def _begin(self) -> None:
        """See to it that what may begin is begun.

        By a task that goes on from event to event for as long as none has to wait for something,
        and by a further task as soon as one does: a task for each event would cost more than many a
        stage.
        """
        if not self._calling and self._lanes.may_begin and not self._stopping.is_set():
            self._calling = True
            asyncio.get_running_loop().call_soon(self._call_hand)

    def _call_hand(self) -> None:
        self._calling = False
        if self._stopping.is_set() or self._paused or not self._lanes.may_begin:
            return
        task = asyncio.get_running_loop().create_task(self._handle_events())
        self._hands[task] = None
        task.add_done_callback(self._ended)
        # Called again when that one has had its first turn: it may have come to wait.
        self._begin()

    async def _handle_events(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        variables = len(copy_context())
        clock = time.monotonic
        turn_ends = clock() + _TURN_SECONDS
        while not self._stopping.is_set() and (delivery := self._lanes.begin()) is not None:
            self._hands[task] = delivery
            current_event.set((self._stage, delivery.event))
            settlement = await self._attempts.settle_or_bury(delivery)
            self._lanes.handled(delivery, free=self._follows and not settlement.touches_store)
            self._settler.add(settlement)
            self._hands[task] = None
            if len(copy_context()) > variables + 1:
                # What a stage bound for its log lines is not the next event's.
                structlog.contextvars.clear_contextvars()
            if clock() > turn_ends:
                self._paused = True
                await asyncio.sleep(0)
                self._paused = False
                self._begin()
                turn_ends = clock() + _TURN_SECONDS

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._hands.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of the runtime, not of the stage. The event stays in flight: its lane is held
            # and it is handled again after a restart.
            log.critical("runner.internal_error", stage=self._stage, exc_info=error)

    def _finished(self, settlements: Sequence[Settlement], took_effect: bool) -> None:
        for settlement in settlements:
            self._lanes.finish(settlement.delivery)
        if took_effect:
            self._metrics.settled(settlements)
            if self._on_settled is not None:
                self._on_settled(settlements)
        self._metrics.in_flight(self._lanes.size)
        self._room.set()
        self._begin()

    def _revoked(self, partitions: Collection[tuple[str, int]]) -> None:
        """What has not begun goes back; what has begun is settled if that is still possible."""
        self._subscription.release(
            self._take_waiting(lambda delivery: delivery.position[:2] in partitions)
        )
        self._room.set()

    def _take_waiting(self, wanted: Callable[[Delivery], bool]) -> list[Delivery]:
        """Remove and return deliveries that have not begun, with all that follow them in their
        keys."""
        taken = list(self._lanes.take_waiting(wanted))
        keys = {delivery.event.partitionkey for delivery in taken}
        coming = []
        for delivery in self._coming:
            if delivery.event.partitionkey in keys or wanted(delivery):
                keys.add(delivery.event.partitionkey)
                taken.append(delivery)
            else:
                coming.append(delivery)
        self._coming = coming
        return taken

    async def _drain(self) -> None:
        self._subscription.release(self._take_waiting(lambda _: True))
        if self._hands:
            await asyncio.wait(set(self._hands), timeout=self._settings.drain_seconds)
        unfinished = dict(self._hands)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        # One that finished all the same has its settlement on the way.
        self._subscription.release(
            [
                delivery
                for task, delivery in unfinished.items()
                if delivery is not None and task.cancelled()
            ]
        )
