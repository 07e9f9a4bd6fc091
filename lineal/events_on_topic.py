"""Reads events back from their topics: what a stage would handle of one, and those of a type,
typed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeVar, cast

import structlog
from pydantic import ValidationError

from lineal.bus.claim_check import check_out, is_reference
from lineal.bus.protocol import Delivery, Selection
from lineal.errors import PermanentFailure, UnknownTopic
from lineal.runtime import Runtime
from lineal.stages.pipeline.marks import admit_shared
from lineal_schemas.envelope import Event, RawEvent, decode, decode_payload
from lineal_schemas.payload import Payload, UnknownPayload

P = TypeVar("P", bound=Payload)

log = structlog.get_logger(__name__)


async def admitted(runtime: Runtime, delivery: Delivery) -> Delivery | None:
    """A delivery as a stage would handle it; None where it would refuse it, which is logged:
    whoever may write to a broker of many could pass for a stage there."""
    topic, event, marks = delivery.position.topic, delivery.event, runtime.marks
    if marks is None:
        return delivery
    try:
        event = await admit_shared(event, topic, marks, runtime.broker_types)
    except PermanentFailure as error:
        _log_refused(topic, event, error)
        return None
    return delivery._replace(event=event)


def readable(topic: str, event: RawEvent) -> bool:
    """Whether an event's data is what its type says, so far as that is known here: a stage would
    make a dead letter of one that is not, and who reads a topic leaves it out. It is logged."""
    if is_reference(event):
        return True  # its data is elsewhere
    try:
        decode_payload(event)
    except UnknownPayload:
        return True  # somebody else's type
    except ValueError as error:
        _log_refused(topic, event, error)
        return False
    return True


def _log_refused(topic: str, event: RawEvent, error: Exception) -> None:
    problem = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    log.warning("topic.event_refused", topic=topic, event_id=event.id, error=problem)


async def read_admitted(
    runtime: Runtime,
    topic: str,
    selection: Selection | None = None,
    *,
    follow: bool = False,
    begun: Callable[[], None] | None = None,
) -> AsyncIterator[Delivery]:
    """Read a topic as :meth:`lineal.bus.protocol.Bus.read` does, without the events that a stage
    would refuse.

    Raises:
        As that.
    """
    async for delivery in runtime.bus.read(topic, selection, follow=follow, begun=begun):
        found = await admitted(runtime, delivery)
        if found is not None and readable(topic, found.event):
            yield found


async def events_on_topic(
    runtime: Runtime, kind: type[P], key: str | None = None, *, follow: bool = False
) -> AsyncIterator[Event[P]]:
    """All events of a type, or those of a partition key, in the order of the bus; without those
    that were erased, or that a stage would refuse. None where the topic was never made.

    Args:
        follow: go on with what is published from now on, without an end.

    Raises:
        ObjectMissing: a large one is not in the object store any more.
        As :meth:`lineal.bus.protocol.Bus.read`.
    """
    try:
        found = read_admitted(runtime, kind.type, Selection(key=key), follow=follow)
        async for delivery in found:
            if delivery.event.type != kind.type:
                continue  # what takes the place of an event that was erased
            raw = await check_out(delivery.event, runtime.objects)
            if not readable(kind.type, raw):
                continue
            event = decode(raw)
            if isinstance(event.data, kind):
                yield cast("Event[P]", event)
    except UnknownTopic:
        return
