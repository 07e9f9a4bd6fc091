"""Reads a broker's topics: events that only steps make, and published checkpoints."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.bus.protocol import Bus
from lineal.errors import NotOffered
from lineal.lineage.topic import LINEAGE_TOPIC
from lineal.proof.checkpoint_events import CHECKPOINT_TOPIC, MAX_CHECKPOINTS
from lineal.proof.verification import Progress
from lineal_schemas.envelope import RawEvent

_SOURCES = ("lineal:stage/", "lineal:group/")
_SHOWN_EVERY = 1_000


class EventOnTopic(NamedTuple):
    """An event of a type that only steps make, or that says that one made it."""

    place: str
    """Topic, partition and offset."""
    digest: str | None
    """SHA-256 of its data, hex; None where the bus has a reference only."""


class TopicsRead(NamedTuple):
    """The content of a broker's topics."""

    events: Mapping[str, Sequence[EventOnTopic]]
    """By their ids."""
    checkpoints: Sequence[bytes]
    """The newest, the newest first."""
    left_out: Sequence[str] = ()
    """Topics that keep nothing that could be read."""
    problem: str | None = None
    """Why the broker could not be read."""


async def read_topics(
    bus: Bus,
    made_by_steps: Collection[str],
    from_outside: Collection[str],
    origins: Collection[str],
    progress: Progress,
) -> TopicsRead:
    """Read all topics of a broker, but for those whose events come from outside.

    Call it before the state of the store that it is compared with is taken: each event is published
    with its record, or after it.

    Args:
        origins: of the log. Of the checkpoints only the newest are kept: those of others, of which
            anybody can write any number there, are passed over.

    Raises:
        BusUnavailable: it cannot be read.
    """
    events: dict[str, list[EventOnTopic]] = {}
    checkpoints: deque[bytes] = deque(maxlen=MAX_CHECKPOINTS)
    left_out = []
    infos = [info for info in await bus.topics() if info.topic not in from_outside]
    infos = [info for info in infos if info.topic != LINEAGE_TOPIC]
    total, done = sum(info.events for info in infos), 0
    for info in infos:
        try:
            async for position, event, _ in bus.read(info.topic):
                done += 1
                if done % _SHOWN_EVERY == 0:
                    progress(min(done, total), total)
                if event.type == CHECKPOINT_TOPIC:
                    if event.data.partition(b"\n")[0].decode(errors="replace") in origins:
                        checkpoints.appendleft(event.data)
                elif event.type in made_by_steps or event.source.startswith(_SOURCES):
                    found = EventOnTopic(position.text, data_digest(event))
                    events.setdefault(event.id, []).append(found)
        except NotOffered:
            left_out.append(info.topic)
    progress(total, total)
    return TopicsRead(events, list(checkpoints), left_out)


def data_digest(event: RawEvent) -> str | None:
    """The digest of an event's data; None if it is only a reference to it."""
    if event.datacontenttype == REFERENCE_MEDIA_TYPE:
        return None
    return sha256(event.data).hexdigest()
