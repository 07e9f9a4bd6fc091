"""Reads the events of a stage's input types from their topics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from lineal.bus.protocol import Bus, Delivery, Selection
from lineal.errors import UnknownTopic
from lineal.stages.declaration import Stage


def events_of(
    bus: Bus, stage: Stage, selection: Selection | None = None
) -> AsyncIterator[Delivery]:
    """The input events of a stage; of several topics the older first.

    Raises:
        UnknownTopic: none of the topics exists.
    """
    topics = [bus.read(payload.type, selection) for payload in stage.inputs]
    return _merged(topics) if len(topics) > 1 else topics[0]


async def _merged(topics: Sequence[AsyncIterator[Delivery]]) -> AsyncIterator[Delivery]:
    heads: list[tuple[AsyncIterator[Delivery], Delivery]] = []
    missing: UnknownTopic | None = None
    known = 0
    for topic in topics:
        try:
            head = await anext(topic, None)
        except UnknownTopic as error:
            missing = error
            continue
        known += 1
        if head is not None:
            heads.append((topic, head))
    if missing is not None and not known:
        raise missing
    while len(heads) > 1:
        index = min(range(len(heads)), key=lambda place: heads[place][1].event.time)
        topic, head = heads[index]
        yield head
        following = await anext(topic, None)
        if following is None:
            del heads[index]
        else:
            heads[index] = (topic, following)
    for topic, head in heads:
        yield head
        async for delivery in topic:
            yield delivery
