"""A bounded subscription of past events, for the runner of a replay."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from lineal.bus.protocol import Batch, Delivery
from lineal.committing import Committer
from lineal.effects.state import StateChange
from lineal.stages.declaration import Stage
from lineal.stages.state import ReplayedState

READ_BATCH_SIZE = 2_000


class _Read(NamedTuple):
    events: list[Delivery]
    more: bool


class BoundedSource:
    """A bounded reading of topics, without a group; see :class:`lineal.bus.protocol.Subscription`.

    No group's position is moved: to commit is to publish.

    Args:
        state: the state of the stage in this replay; the live one is left alone.
        read_batch_size: at most so many events are read ahead of those that are fetched.
    """

    def __init__(
        self,
        committer: Committer,
        stage: Stage,
        state: ReplayedState,
        events: AsyncIterator[Delivery],
        *,
        read_batch_size: int = READ_BATCH_SIZE,
    ) -> None:
        self._committer = committer
        taken = {payload.type for payload in stage.inputs}
        self._own_topics = taken & {payload.type for payload in stage.produces}
        self._state = state
        self._events = events
        self._read_batch_size = read_batch_size
        self._waiting: deque[Delivery] = deque()
        """Read, and not fetched yet."""
        self._in_flight = 0
        self._reading: asyncio.Task[_Read] | None = asyncio.create_task(self._read())
        """Reads the next events while earlier ones are handled; None when there are no more."""
        self.finished = asyncio.Event()
        """Set when every event of the selection is handled, or none can be read any more."""
        self.problem: Exception | None = None
        """Why no more can be read."""

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        if not self._waiting and self._reading is not None:
            events, more = await self._reading
            self._waiting.extend(events)
            self._reading = asyncio.create_task(self._read()) if more else None
        batch = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        self._in_flight += len(batch)
        self._check_finished()
        if not batch:
            await asyncio.sleep(seconds)
        return batch

    async def commit(self, batch: Batch) -> None:
        # A stage that feeds itself (the next part of what it splits) must not do so here: the
        # replay takes these events from the topic, where they are already.
        outputs = [item for item in batch.outputs if item[0] not in self._own_topics]
        # Should the bus refuse the batch, its events are handled again, with what was before them.
        self._state.apply(e for e in batch.effects if isinstance(e, StateChange))
        effects = [e for e in batch.effects if not isinstance(e, StateChange)]
        await self._committer.publish(outputs, effects)
        self._in_flight -= len(batch.acks)
        self._check_finished()

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self._in_flight -= len(deliveries)
        self._waiting.extendleft(reversed(deliveries))

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> _Read:
        events: list[Delivery] = []
        try:
            async for delivery in self._events:
                events.append(delivery)
                if len(events) == self._read_batch_size:
                    return _Read(events, True)
        except Exception as error:
            self.problem = error
        return _Read(events, False)

    def _check_finished(self) -> None:
        if not (self._reading or self._waiting or self._in_flight):
            self.finished.set()
