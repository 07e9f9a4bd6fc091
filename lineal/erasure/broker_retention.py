"""What a broker keeps of erased subjects, and until when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from lineal.bus.protocol import TopicInfo
from lineal.proof.checkpoint_events import CHECKPOINT_TOPIC

_QUEUE_DAYS = 14
"""The longest that SQS keeps a message."""
_DAY_SECONDS = 86_400


def broker_retention(bus: str, topics: Iterable[TopicInfo], now: datetime) -> list[str]:
    """In words, what stays on the topics of a broker and until when, if nothing is published any
    more.

    Args:
        bus: its address, as the setting has it.
        now: UTC; until when follows from it.
    """
    on_aws = bus.startswith("aws:")
    by_retention: defaultdict[int | None, list[str]] = defaultdict(list)
    for info in topics:
        if info.topic != CHECKPOINT_TOPIC and (on_aws or info.events):
            by_retention[info.retention_seconds].append(info.topic)
    describe = _on_aws if on_aws else _on_kafka
    return [
        text
        for seconds, names in sorted(by_retention.items(), key=lambda item: item[0] or 0)
        for text in describe(seconds, sorted(names), now)
    ]


def _on_kafka(seconds: int | None, names: list[str], now: datetime) -> Iterator[str]:
    topics = _topics(names)
    if seconds is None:
        yield (
            f"events on {topics}, for ever: give them a retention (`retention.ms`), or delete what "
            "lies before an offset with `kafka-delete-records`"
        )
    else:
        yield (
            f"events on {topics}, until {_date(now, seconds)} ({_days(seconds)} of retention), and "
            "until Kafka has closed the segment that they are in (`segment.ms`)"
        )


def _on_aws(seconds: int | None, names: list[str], now: datetime) -> Iterator[str]:
    topics = _topics(names)
    if seconds is not None:
        yield f"events in the archives of {topics}, until {_date(now, seconds)} ({_days(seconds)})"
    last = _date(now, _QUEUE_DAYS * _DAY_SECONDS)
    yield f"messages of {topics} that wait in queues, until they are handled, at most until {last}"


def _topics(names: list[str]) -> str:
    return f"the topic {names[0]}" if len(names) == 1 else f"the topics {', '.join(names)}"


def _date(now: datetime, seconds: int) -> str:
    return (now.astimezone(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M UTC")


def _days(seconds: int) -> str:
    days = seconds / _DAY_SECONDS
    return f"{days:g} day{'' if days == 1 else 's'}" if days >= 1 else f"{seconds} seconds"
