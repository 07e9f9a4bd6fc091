"""Converts events to Kafka messages and back; what is no event is read as an unreadable one."""

from __future__ import annotations

import time
from collections.abc import Iterable

from lineal.bus.kafka.topics import Topics
from lineal.bus.marks import Marks
from lineal.bus.unreadable import unreadable_event
from lineal.kafka_client.record_batches import BatchPosition, RecordBatches
from lineal_schemas.bindings import from_kafka, to_kafka
from lineal_schemas.envelope import MalformedEvent, RawEvent
from lineal_schemas.payload import foreign_of

_AHEAD_MS = 300_000


def append_events(
    batches: RecordBatches,
    topics: Topics,
    events: Iterable[tuple[str, RawEvent]],
    marks: Marks | None = None,
) -> list[BatchPosition]:
    """Append events to topics that exist. A record's timestamp is the event's time, so that
    ListOffsets finds it; a time in the future, which brokers refuse, becomes the present."""
    now_ms = time.time_ns() // 1_000_000
    latest = now_ms + _AHEAD_MS
    partition_of = topics.partition_of
    append = batches.append
    positions = []
    for topic, event in events:
        time_ms = event.time // 1000
        key, value, headers = to_kafka(event if marks is None else marks.marked(event))
        positions.append(
            append(
                partition_of(topic, event.partitionkey),
                key,
                value,
                headers,
                time_ms if 0 <= time_ms < latest else now_ms,
            )
        )
    return positions


def read_event(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
    time_ms: int,
) -> RawEvent:
    """The event of a message. What is no CloudEvent becomes a :func:`foreign_event` on the topic of
    a type that others write, else an :func:`unreadable_event`. One that states no time has that of
    its record, which is the same whenever it is read."""
    appended_us = max(time_ms, 0) * 1000  # -1 in records of producers before Kafka 0.10
    try:
        return from_kafka(key, value, headers, appended_us)
    except MalformedEvent as error:
        foreign = foreign_of(topic)
        if foreign is not None and value is not None:
            return foreign_event(
                value, topic, foreign.media_type, f"{topic}/{partition}/{offset}", key, appended_us
            )
        return unreadable_event(
            value or b"",
            str(error) if foreign is None else "the message has no value (a tombstone)",
            id=f"{topic}/{partition}/{offset}",
            source=f"kafka:{topic}",
            key=None if key is None else key.decode(errors="backslashreplace"),
            time_us=appended_us,
        )


def foreign_event(
    value: bytes, topic: str, media_type: str, id: str, key: bytes | None, time_us: int
) -> RawEvent:
    """The event of a message that somebody wrote who knows no CloudEvents."""
    return RawEvent(
        id=id,
        source=f"kafka:{topic}",
        type=topic,
        subject=None,
        time=time_us,
        datacontenttype=media_type,
        dataschema=None,
        partitionkey=id if key is None else key.decode(errors="backslashreplace"),
        traceparent=None,
        causationid=None,
        correlationid=id,
        data=value,
    )
