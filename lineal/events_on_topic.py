"""Reads the events of a type back from its topic, typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar, cast

from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Selection
from lineal.errors import UnknownTopic
from lineal.runtime import Runtime
from lineal_schemas.envelope import Event, decode
from lineal_schemas.payload import Payload

P = TypeVar("P", bound=Payload)


async def events_on_topic(
    runtime: Runtime, kind: type[P], key: str | None = None, *, follow: bool = False
) -> AsyncIterator[Event[P]]:
    """All events of a type, or those of a partition key, in the order of the bus; without those
    that were erased. None where the topic was never made.

    Args:
        follow: go on with what is published from now on, without an end.

    Raises:
        ObjectMissing: a large one is not in the object store any more.
        As :meth:`lineal.bus.protocol.Bus.read`.
    """
    try:
        async for delivery in runtime.bus.read(kind.type, Selection(key=key), follow=follow):
            if delivery.event.type != kind.type:
                continue  # what takes the place of an event that was erased
            event = decode(await check_out(delivery.event, runtime.objects))
            if isinstance(event.data, kind):
                yield cast("Event[P]", event)
    except UnknownTopic:
        return
