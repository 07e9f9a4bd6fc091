"""A member of a group that hands out events, one at a time, to be acknowledged.

It is a stage whose function waits for the program: so events are known once, malformed ones become
dead letters, outputs are published with the acknowledgement or not at all, and lineage says what
was consumed by whom.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from lineal.bus.protocol import Start
from lineal.bus.topic_names import dead_letter_topic
from lineal.effects.effect import Effect
from lineal.errors import LinealError, Reject, Retry, WrongConfiguration
from lineal.runtime import NoWorkers, Runtime
from lineal.stages.context import Context
from lineal.stages.declaration import Stage, declare_consumer
from lineal.stages.envelope import Envelope
from lineal.stages.result import StepResult
from lineal.stages.runner import StageRunner
from lineal.stages.topics import stage_topics
from lineal_schemas.payload import Payload

P = TypeVar("P", bound=Payload)

DEFAULT_IN_FLIGHT = 100


class NotAcknowledged(LinealError):
    """An acknowledgement did not take effect: the event belongs to another member of the group by
    now, or has become a dead letter."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """What the program has made of an event."""

    outputs: Sequence[Payload] = ()
    effects: Sequence[Effect] = ()
    error: Exception | None = None


class Received(Generic[P]):
    """An event that was handed out."""

    def __init__(self, data: P, event: Envelope, decided: asyncio.Future[_Decision]) -> None:
        self.data = data
        self.event = event
        """Its attributes: ``id``, ``source``, ``subject``, ``time``, ..."""
        self._decided = decided
        self.committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ack(self, *outputs: Payload, effects: Sequence[Effect] = ()) -> None:
        """The event is done with; on return that is durable.

        Args:
            outputs: events to publish with it, all of it or nothing.
            effects: changes of the store, applied with it.

        Raises:
            NotAcknowledged: it comes again, here or elsewhere, or has become a dead letter.
        """
        await self._decide(_Decision(outputs, effects))

    async def reject(self, reason: str) -> None:
        """The event can never be handled: it becomes a dead letter of the group.

        Args:
            reason: in words that hold no personal data.
        """
        await self._decide(_Decision(error=Reject(reason)))

    def release(self, seconds: float | None = None) -> None:
        """The event cannot be handled yet: it is handed out again, and later events of its key wait
        for it.

        Args:
            seconds: how long to wait; None: with growing pauses.
        """
        if not self._decided.done():
            self._decided.set_result(_Decision(error=Retry("released by the program", seconds)))

    async def _decide(self, decision: _Decision) -> None:
        if self._decided.done():
            raise NotAcknowledged("it was acknowledged, released or given up before")
        self._decided.set_result(decision)
        await asyncio.shield(self.committed)


class Consumer(Generic[P]):
    """Hands out the events of a group. Use :meth:`lineal.library.EventBus.subscribe`."""

    def __init__(
        self,
        runtime: Runtime,
        group: str,
        types: Sequence[type[P]],
        *,
        produces: Sequence[type[Payload]],
        version: str,
        max_in_flight: int,
        ack_seconds: float,
    ) -> None:
        if runtime.settings.retry.delays.get(group):
            raise WrongConfiguration(
                f"settings [retry.delays]: {group!r} is the consumer of a program, which is given "
                "no event after a delay: declare a stage, or raise Retry"
            )
        self._runtime = runtime
        self._stage: Stage = declare_consumer(
            group, self._hand_out, types, produces=produces, version=version,
            lanes=max_in_flight, timeout=ack_seconds,
        )  # fmt: skip
        self._queue: asyncio.Queue[Received[P] | None] = asyncio.Queue()
        self._pending: dict[tuple[str, str], tuple[Received[P], _Decision]] = {}
        """What is acknowledged and not committed yet, by source and id."""
        settings = replace(
            runtime.settings.runner(), drain_seconds=0.0, linger_seconds=0.0, prefetch=max_in_flight
        )
        self._runner = StageRunner(
            runtime.bind(self._stage, NoWorkers()),
            runtime.committer,
            settings,
            on_committed=self._committed,
            on_lost=self._lost,
        )
        self._running: asyncio.Task[None] | None = None

    async def open(self, start: Start) -> None:
        """Join the group."""
        bus = self._runtime.bus
        for topic in (dead_letter_topic(self._stage.name), *(p.type for p in self._stage.produces)):
            await bus.create_topic(topic)
        subscription = await bus.subscribe(
            self._stage.name, stage_topics(self._stage), start=start,
            on_revoking=self._runner.revoking,
        )  # fmt: skip
        self._running = asyncio.create_task(self._runner.run(subscription))
        self._running.add_done_callback(lambda _: self._queue.put_nowait(None))

    def __aiter__(self) -> AsyncIterator[Received[P]]:
        return self

    async def __anext__(self) -> Received[P]:
        """The next event.

        Raises:
            StopAsyncIteration: the consumer was closed.
        """
        while (received := await self._queue.get()) is not None:
            if not received.committed.done() and not received._decided.done():
                return received
        self._queue.put_nowait(None)
        if self._running is not None and not self._running.cancelled():
            self._running.result()
        raise StopAsyncIteration

    @property
    def problem(self) -> str | None:
        """What keeps events from coming; None when all is well."""
        return self._runner.problem

    async def _hand_out(self, payload: P, ctx: Context[Any]) -> Sequence[Payload]:
        event = ctx.event
        key = event.source, event.id
        if (pending := self._pending.get(key)) is not None:
            # What it was committed with met a change of somebody else: again, with the same.
            decision = pending[1]
        else:
            decided: asyncio.Future[_Decision] = asyncio.get_running_loop().create_future()
            received = Received(payload, event, decided)
            self._queue.put_nowait(received)
            try:
                decision = await decided
            except asyncio.CancelledError:
                _fail(received, "it was not acknowledged in time, or the consumer was closed")
                raise
            self._pending[key] = received, decision
        if decision.error is not None:
            if isinstance(decision.error, Retry):
                self._pending.pop(key)
            raise decision.error
        for effect in decision.effects:
            ctx.add_effect(effect)
        return decision.outputs

    def _committed(self, results: Sequence[StepResult]) -> None:
        for result in results:
            received, decision = self._take(result) or (None, None)
            if received is None or received.committed.done():
                continue
            failed = result.record is not None and result.record.steps[-1].outcome == "failed"
            if failed and decision is not None and decision.error is None:
                _fail(received, "it cannot be committed, and has become a dead letter")
            else:
                received.committed.set_result(None)

    def _lost(self, results: Sequence[StepResult]) -> None:
        for result in results:
            if (found := self._take(result)) is not None:
                _fail(found[0], "another member of the group has it now")

    def _take(self, result: StepResult) -> tuple[Received[P], _Decision] | None:
        event = result.delivery.event
        return self._pending.pop((event.source, event.id), None)

    async def close(self) -> None:
        """Leave the group; what is not acknowledged comes again."""
        self._runner.stop()
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)
        for received, _ in self._pending.values():
            _fail(received, "the consumer was closed")
        self._pending.clear()


def _fail(received: Received[Any], why: str) -> None:
    if not received._decided.done():
        received._decided.cancel()
    if not received.committed.done():
        received.committed.set_exception(NotAcknowledged(why))
        received.committed.exception()  # nobody may be waiting for it
