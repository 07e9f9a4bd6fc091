"""Which event of a region was the beginning of another one, by the region's ledger."""

from __future__ import annotations

from collections.abc import Container
from functools import partial

from lineal.lineage.ledger import steps_of_event
from lineal.runtime import Runtime
from lineal.store.connection import Connection

_MAX_EVENTS = 1000
"""That are looked at for one answer."""


async def first_cause(runtime: Runtime, event_id: str, wanted: Container[str]) -> str | None:
    """The nearest of some events that an event follows from, over any number of steps; None if it
    follows from none of them.

    Raises:
        StoreUnavailable, BusUnavailable
    """
    if event_id in wanted:
        return event_id
    await runtime.flush_ledger()
    return await runtime.store.read(partial(_find, event_id=event_id, wanted=wanted))


def _find(connection: Connection, event_id: str, wanted: Container[str]) -> str | None:
    waiting, seen = [event_id], {event_id}
    while waiting and len(seen) < _MAX_EVENTS:
        current = waiting.pop(0)
        if current in wanted:
            return current
        for step in steps_of_event(connection, current):
            if current in step.events_out:
                fresh = [each for each in step.events_in if each not in seen]
                seen.update(fresh)
                waiting += fresh
    return None
