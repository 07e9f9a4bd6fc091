"""Reads the newest events of a topic, and one event by its place, on every bus."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar, cast

from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Delivery, Position, Selection, TopicInfo
from lineal.errors import ObjectMissing
from lineal.events_on_topic import readable
from lineal.runtime import Runtime
from lineal_schemas.envelope import Event, decode, now_us
from lineal_schemas.payload import Payload

P = TypeVar("P", bound=Payload)

_WINDOWS_SECONDS = (60, 3600, 86400, 31 * 86400)
_MAX_READ = 20_000
"""Events that are looked through for the newest ones of a topic that no group reads."""


async def newest_events(runtime: Runtime, info: TopicInfo, limit: int) -> list[Delivery]:
    """The newest events of a topic, newest first."""
    ends = {item.partition: item.end for group in info.groups for item in group.partitions}
    found: list[Delivery] = []
    if ends:
        for partition, end in ends.items():
            if end <= 0:
                continue
            selection = Selection(
                from_offset=max(0, end - limit), partitions=frozenset({partition})
            )
            found += [item async for item in runtime.bus.read(info.topic, selection)]
    else:
        for seconds in _WINDOWS_SECONDS:
            since = now_us() - seconds * 1_000_000
            last: deque[Delivery] = deque(maxlen=limit)
            count = 0
            async for item in runtime.bus.read(info.topic, Selection(from_time=since)):
                last.append(item)
                count += 1
                if count == _MAX_READ:
                    break
            found = list(last)
            if len(found) >= limit or len(found) >= info.events:
                break
    found.sort(key=lambda item: (item.event.time, item.position), reverse=True)
    return found[:limit]


async def event_at(runtime: Runtime, topic: str, partition: int, offset: int) -> Delivery | None:
    """The event at a place, with its data; None where there is none, or no more."""
    selection = Selection(
        from_offset=offset, to_offset=offset + 1, partitions=frozenset({partition})
    )
    async for item in runtime.bus.read(topic, selection):
        if (item.position.partition, item.position.offset) == (partition, offset):
            with suppress(ObjectMissing, ValueError):
                return item._replace(event=await check_out(item.event, runtime.objects))
            return item
    return None


async def find_event(
    runtime: Runtime, event_id: str, types: Iterable[str]
) -> tuple[str, Position] | None:
    """The topic and the place of an event; None where it is in none of these topics."""
    there = {info.topic for info in await runtime.bus.topics()}
    selection = Selection(event_ids=frozenset({event_id}))
    for topic in dict.fromkeys(types):
        if topic in there:
            async for item in runtime.bus.read(topic, selection):
                return topic, item.position
    return None


async def newest_of_type(runtime: Runtime, kind: type[P], limit: int) -> list[Event[P]]:
    """The newest events of a type, newest first, typed; without those that were erased, and with a
    limit on how many are looked through."""
    infos = {info.topic: info for info in await runtime.bus.topics()}
    if kind.type not in infos:
        return []
    found = []
    for item in await newest_events(runtime, infos[kind.type], limit):
        if item.event.type != kind.type:
            continue  # what takes the place of an event that was erased
        with suppress(ObjectMissing):
            raw = await check_out(item.event, runtime.objects)
            if not readable(kind.type, raw):
                continue
            event = decode(raw)
            if isinstance(event.data, kind):
                found.append(cast("Event[P]", event))
    return found
