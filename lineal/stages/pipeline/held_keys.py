"""Later events of a key wait after one has failed for good, for stages that ask for it.

The event that failed is a dead letter and the first row of its key. Later ones are put aside behind
it, as dead letters that say what they wait for. Redriven, they are handled in their order, each
once it is the first; one that is dropped makes way for the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.bus.topic_names import redrive_topic
from lineal.effects.waiting import EventOfKey, KeyReleased, QueuePlace, queue_places
from lineal.errors import PermanentFailure
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation


class KeyWaits(PermanentFailure):
    """An earlier event of the key has failed, and nobody has redriven or dropped it yet."""


class HeldKeys:
    """Handles an event of a key that waits only if it is the first of it."""

    def __init__(self, binding: Binding) -> None:
        self._store = binding.services.store
        self._stage = binding.stage.name
        self._redriven = redrive_topic(self._stage)

    async def before(self, invocations: Sequence[Invocation]) -> None:
        events = [
            EventOfKey(item.event.partitionkey, item.event.source, item.event.id)
            for item in invocations
        ]
        if not events:
            return
        places = await self._store.read(
            lambda connection: queue_places(connection, self._stage, events)
        )
        for invocation, place in zip(invocations, places, strict=True):
            self._decide(invocation, place)

    def _decide(self, invocation: Invocation, place: QueuePlace) -> None:
        event, position = invocation.event, invocation.position
        if place.first == (event.source, event.id) or place.released_at == position:
            invocation.releases_key = True
        elif place.first is None:
            return
        elif place.held_at in (None, position) or self._is_redriven(invocation):
            invocation.error = KeyWaits(f"waits for event {place.first[1]} of its key")
        else:
            invocation.outcome, invocation.reason = "skipped", "the event waits already"

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if invocation.releases_key and invocation.error is None:
                event = invocation.event
                invocation.effects.append(
                    KeyReleased(
                        self._stage, event.partitionkey, event.source, event.id,
                        invocation.position, invocation.began,
                    )
                )  # fmt: skip

    def _is_redriven(self, invocation: Invocation) -> bool:
        return invocation.delivery.position.topic == self._redriven
