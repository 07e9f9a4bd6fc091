"""Events that come from outside: who may send what, and putting them on the bus.

What ``lineal emit`` and ``POST /events`` have in common.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

import structlog

from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE, check_in
from lineal.bus.protocol import Bus, Position
from lineal.observability.tracing import first_traceparent
from lineal.stages.retry import PermanentFailure
from lineal.stages.understanding import understand
from lineal.store.objects import ObjectStore
from lineal_schemas.envelope import JSON_MEDIA_TYPE, RawEvent
from lineal_schemas.payload import Payload

_MOST_AT_ONCE = 500
_OURS_ALONE = ("lineal.", "dead.", "redrive.")
_SOURCES_OF_OURS = ("lineal:stage/", "lineal:group/")
_UTF8_JSON = re.compile(r'application/json\s*;\s*charset="?utf-8"?\s*', re.IGNORECASE)

log = structlog.get_logger(__name__)


@cache
def known_types() -> dict[str, type[Payload]]:
    """All event types that are known here, those of installed stages included."""
    from lineal.stages.discovery import BrokenStage, installed_stages
    from lineal_schemas.catalogue import our_payloads
    from lineal_schemas.payload import payload_types

    our_payloads()
    with suppress(BrokenStage):
        installed_stages()
    return payload_types()


def misfit(topic: str, event: RawEvent) -> str | None:
    """Why no stage will understand an event on a topic; None if one may, or if nobody here knows
    its type."""
    if event.type != topic and topic in known_types():
        return f"a {event.type} does not belong on this topic"
    if event.type not in known_types():
        return None
    try:
        understand(event)
    except PermanentFailure as error:
        return str(error)
    return None


def completed(event: RawEvent) -> RawEvent:
    """The event with what its sender left out: the subject, key and story that the model of its
    type gives to such data, and a trace. What the sender states stays.

    Raises:
        PermanentFailure: its type is known here and it does not fit that; says why.
    """
    if event.type in known_types():
        if _UTF8_JSON.fullmatch(event.datacontenttype):
            event = event._replace(datacontenttype=JSON_MEDIA_TYPE)
        payload = understand(event).data
        story = payload.story()
        stated = event.correlationid != event.id
        event = event._replace(
            subject=event.subject or story,
            partitionkey=event.partitionkey
            if event.partitionkey != event.id
            else payload.partition_key() or event.partitionkey,
            correlationid=event.correlationid if stated else story or event.correlationid,
        )
    if event.traceparent is None:
        event = event._replace(traceparent=first_traceparent(event.correlationid, event.id))
    return event


@dataclass(frozen=True, slots=True)
class Door:
    """A way in for events from outside.

    Attributes:
        name: what the log calls it.
        types: event types of lineal itself that may come in here. Types of a user's own may,
            unless an installed stage makes them.
        elsewhere: by the beginning of a type, which door is meant for it.
    """

    name: str
    types: frozenset[str]
    elsewhere: Mapping[str, str] = field(default_factory=dict)


class NotAllowed(PermanentFailure):
    """A door does not take events of this type; says which one is meant for it."""


def reserved_reason(event: RawEvent, door: Door) -> str | None:
    """Why an event may not come in at a door; None if it may.

    What a stage makes comes from that stage only, and what lineal's own producers make from them:
    an event that asks for a rollout, or holds a document's text, is acted upon without asking who
    sent it.
    """
    kind = event.type
    if kind.startswith(_OURS_ALONE):
        return f"events of type {kind} are made by lineal itself"
    if event.source.startswith(_SOURCES_OF_OURS):
        return f"events of source {event.source} are made by lineal itself"
    if kind in door.types:
        return None
    makers = _makers().get(kind, ())
    if not makers and kind not in _types_of_ours():
        return None
    made = f" are made by stage {' or '.join(makers)}, and" if makers else ""
    meant = [way for prefix, way in door.elsewhere.items() if kind.startswith(prefix)]
    use = f": use {meant[0]}" if meant else ""
    return f"events of type {kind}{made} do not come in here{use}"


def check_allowed(event: RawEvent, door: Door) -> None:
    """Refuse what may not come in at a door, and say so in the log.

    Raises:
        NotAllowed: says why, and which door is meant.
    """
    if (reason := reserved_reason(event, door)) is None:
        return
    log.warning(
        "door.refused",
        door=door.name,
        type=event.type,
        id=event.id,
        source=event.source,
        reason=reason,
    )
    raise NotAllowed(reason)


@cache
def _types_of_ours() -> frozenset[str]:
    from lineal_schemas.catalogue import our_payloads

    return frozenset(our_payloads())


@cache
def _makers() -> dict[str, list[str]]:
    """The installed stages that make events of a type, by type."""
    from lineal.stages.discovery import BrokenStage, installed_stages

    makers: dict[str, list[str]] = {}
    with suppress(BrokenStage):
        for name, stage in installed_stages().items():
            for payload in stage.produces:
                makers.setdefault(payload.type, []).append(name)
    return makers


def not_data(event: RawEvent) -> str | None:
    """Why nobody outside may send such data; None if anybody may."""
    if event.datacontenttype.partition(";")[0].strip().lower() == REFERENCE_MEDIA_TYPE:
        return f"{REFERENCE_MEDIA_TYPE} is made by lineal itself: send the data"
    return None


async def publish(
    bus: Bus, objects: ObjectStore, events: Sequence[tuple[str, RawEvent]]
) -> list[Position]:
    """Put events on their topics, large data going to the object store; durable on return.

    Many are published in several goes: when one fails, those before it stay, and sending all again
    is harmless because their ids are the same.
    """
    placed: list[Position] = []
    for first in range(0, len(events), _MOST_AT_ONCE):
        some = events[first : first + _MOST_AT_ONCE]
        placed += await bus.publish(
            [(topic, await check_in(event, objects)) for topic, event in some]
        )
    return placed
