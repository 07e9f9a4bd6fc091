"""An event counts once in a group, however often and far apart it is delivered.

An event is known by its source and id. What a group has handled is kept for a stated window
(:data:`lineal.effects.seen.WINDOW_US`), with the position it was delivered at: the same
event at the same position is a redelivery (a crash, a group that was moved back on purpose) and is
handled again; at another position it was published twice, and is left out. An event that became a
dead letter is known too: published again it is no second dead letter. Redriven it is handled,
whatever is known: somebody has decided so. A stage that is set back makes events of before again,
in the place of the newer ones, which they name: these count again.

A pure stage needs none of this: its outputs have the same ids each time.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.bus.topic_names import redrive_topic
from lineal.effects.seen import Seen, seen_positions
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.pipeline.withdrawals import leave_out_outdated
from lineal_schemas.envelope import RawEvent


class KnownEvents:
    """Leaves out events that were handled under another position; remembers those handled."""

    def __init__(self, binding: Binding) -> None:
        self._services = binding.services
        self._store = binding.services.store
        self._group = binding.stage.name
        self._redriven = redrive_topic(self._group)

    async def before(self, invocations: Sequence[Invocation]) -> None:
        keys = [_key(item.event) for item in invocations]
        # Looked up before the store is: what is committed meanwhile is in one of them, or in both.
        uncommitted = [
            None if item.uncommitted is None else item.uncommitted.seen_at(key)
            for key, item in zip(keys, invocations, strict=True)
        ]
        known = await self._store.read(
            lambda connection: seen_positions(connection, self._group, keys)
        )
        for key, invocation, position in zip(keys, invocations, uncommitted, strict=True):
            position = position or known.get(key, invocation.position)
            elsewhere = position != invocation.position
            invocation.known = elsewhere and not self._is_redriven(invocation)
            if invocation.known:
                invocation.outcome = "skipped"
                invocation.reason = "the event was handled before"
        if caused := [item for item in invocations if item.caused and item.open]:
            await leave_out_outdated(self._services, caused)

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if invocation.known is False and not self._is_redriven(invocation):
                source, event_id = _key(invocation.event)
                invocation.effects.append(
                    Seen(self._group, source, event_id, invocation.position, invocation.began)
                )

    def _is_redriven(self, invocation: Invocation) -> bool:
        return invocation.delivery.position.topic == self._redriven


def _key(event: RawEvent) -> tuple[str, str]:
    """What an event is known by: source and id. What takes the place of another event is made anew
    by a replay, perhaps under an id that counted before that other one did, and perhaps not for the
    first time: it counts for each time at which it was made."""
    if event.supersedes is None:
        return event.source, event.id
    return event.source, f"{event.id} {event.supersedes} {event.time}"
