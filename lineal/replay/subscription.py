"""The events of a replay, for a stage runner; those that are remembered do not even get there."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential

from lineal.bus.protocol import Bus, Delivery, Settlement
from lineal.effects.state import StateChange
from lineal.stages.binding import BoundStage
from lineal.stages.repeating import Repeated, repeat
from lineal.stages.retry import unavailable
from lineal.stages.state import ReplayedState

log = structlog.get_logger(__name__)

_READ_AT_ONCE = 2_000
_FIRST_PAUSE_SECONDS, _MOST_PAUSE_SECONDS = 0.1, 15.0


class _Read(NamedTuple):
    events: list[Delivery]
    more: bool


class ReplaySubscription:
    """A bounded, groupless reading of a topic; see :class:`lineal.bus.protocol.Subscription`.

    Args:
        repeated: called with how many events came to which outcome, of those that are settled here.
    """

    def __init__(
        self,
        bus: Bus,
        bound: BoundStage,
        events: AsyncIterator[Delivery],
        state: ReplayedState,
        repeated: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._bus = bus
        self._bound = bound
        self._topics = {payload.type for payload in bound.stage.inputs}
        self._events = events
        self._state = state
        self._repeated = repeated
        self._repeats = bound.stage.memo and not bound.stage.fan_in
        self._settling: asyncio.Task[Sequence[Delivery]] | None = None
        """Settles what was repeated last; has those of them that could not be."""
        self._waiting: deque[Delivery] = deque()
        """Read, and not taken up yet."""
        self._in_hand: Counter[str] = Counter()
        """How many events of which key the runner has."""
        self._reading: asyncio.Task[_Read] | None = asyncio.create_task(self._read())
        """Reads what comes next, while what came before is settled; None when there is no more."""
        self.finished = asyncio.Event()
        """Set when every event of the selection is settled, or none can be read any more."""
        self.problem: Exception | None = None
        """Why no more can be read."""

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        batch = await self._to_be_handled(limit)
        self._in_hand.update(delivery.event.partitionkey for delivery in batch)
        self._look_if_finished()
        if not batch:
            await asyncio.sleep(seconds)
        return batch

    async def _to_be_handled(self, limit: int) -> list[Delivery]:
        while self._repeats:
            batch = await self._next(limit)
            try:
                found = await repeat(self._bound, batch, self._in_hand.__contains__)
            except Exception:
                self._waiting.extendleft(reversed(batch))
                raise
            if refused := await self._refused():
                self._one_by_one([*refused, *batch])
                break
            if found.settlements:
                self._settling = asyncio.create_task(self._settle_repeated(found))
            if found.rest or not batch:
                # Of their keys nothing may be settled later than they are.
                if refused := await self._refused():
                    self._one_by_one([*refused, *found.rest])
                    break
                return found.rest
        return await self._next(limit)

    async def _next(self, limit: int) -> list[Delivery]:
        if not self._waiting and self._reading is not None:
            batch, more = await self._reading
            self._waiting.extend(batch)
            self._reading = asyncio.create_task(self._read()) if more else None
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    async def _read(self) -> _Read:
        batch: list[Delivery] = []
        try:
            async for delivery in self._events:
                batch.append(delivery)
                if len(batch) == _READ_AT_ONCE:
                    return _Read(batch, True)
        except Exception as error:
            self.problem = error
        return _Read(batch, False)

    async def _refused(self) -> Sequence[Delivery]:
        """Wait until what was repeated last is settled; gives what could not be."""
        if self._settling is None:
            return ()
        refused = await self._settling
        self._settling = None
        return refused

    def _one_by_one(self, events: Sequence[Delivery]) -> None:
        """From these on, so that it is found which of them is to blame."""
        self._repeats = False
        self._waiting.extendleft(reversed(events))

    async def _settle_repeated(self, found: Repeated) -> Sequence[Delivery]:
        self._leave_out_own(found.settlements)
        retrying = AsyncRetrying(
            retry=retry_if_exception(unavailable),
            wait=wait_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_MOST_PAUSE_SECONDS),
            before_sleep=_tell_waiting,
            reraise=True,
        )
        try:
            await retrying(self._bus.settle_unowned, found.settlements)
        except Exception as error:
            log.warning("replay.cannot_repeat", error=repr(error), events=len(found.events))
            return found.events
        self._repeated({"memoised": len(found.events)})
        return ()

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        self._leave_out_own(settlements)
        self._keep_state(settlements)
        await self._bus.settle_unowned(settlements)
        self._let_go(settlement.delivery for settlement in settlements)
        self._look_if_finished()
        return []

    def _leave_out_own(self, settlements: Sequence[Settlement]) -> None:
        # A stage that feeds itself (the next part of a scattered whole) must not do so here: the
        # replay takes these events from the topic, where they are already.
        for settlement in settlements:
            settlement.outputs = [
                (topic, event) for topic, event in settlement.outputs if topic not in self._topics
            ]

    def _keep_state(self, settlements: Sequence[Settlement]) -> None:
        # The state of a replay is not the live one. Should the bus refuse a settlement, its event
        # is handled again, with what was before it.
        self._state.apply(
            effect for s in settlements for effect in s.effects if isinstance(effect, StateChange)
        )
        for settlement in settlements:
            settlement.effects = [
                effect for effect in settlement.effects if not isinstance(effect, StateChange)
            ]

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self._let_go(deliveries)
        self._waiting.extendleft(reversed(deliveries))

    def _let_go(self, deliveries: Iterable[Delivery]) -> None:
        in_hand = self._in_hand
        for delivery in deliveries:
            key = delivery.event.partitionkey
            in_hand[key] -= 1
            if not in_hand[key]:
                del in_hand[key]

    def _look_if_finished(self) -> None:
        if not (self._reading or self._waiting or self._in_hand or self._settling):
            self.finished.set()

    def on_revoked(self, callback: Callable[[Collection[tuple[str, int]]], None]) -> None:
        """Nobody else can take a replay over."""

    async def close(self) -> None:
        tasks = [task for task in (self._reading, self._settling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tell_waiting(state: RetryCallState) -> None:
    assert state.outcome is not None
    log.error("replay.waiting", error=repr(state.outcome.exception()))
