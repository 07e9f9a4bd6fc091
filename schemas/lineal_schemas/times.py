"""Times of events: microseconds since the Unix epoch, and RFC 3339 on the wire."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from lineal_schemas.errors import MalformedEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now_us() -> int:
    """The present in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


def format_time(us: int) -> str:
    """RFC 3339 in UTC with microseconds."""
    seconds, rest = divmod(us, 1_000_000)
    return f"{_format_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=256)
def _format_second(seconds: int) -> str:
    # events come in the order of their times, mostly: formatting a second costs ten times as much
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")[:-6]


def parse_time(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time; one without an offset is taken as UTC.

    Raises:
        MalformedEvent: it is not an RFC 3339 time.
    """
    # As we write it: see _format_second.
    if (
        len(text) == 27
        and text[10:20:3] == "T::."
        and text[26] == "Z"
        and text[20:26].isdecimal()
        and text.isascii()
    ):
        try:
            return _parse_second(text[:19]) + int(text[20:26])
        except MalformedEvent:
            pass  # to be said of the whole text
    return _parse_any_time(text)


@lru_cache(maxsize=256)
def _parse_second(text: str) -> int:
    return _parse_any_time(f"{text}Z")


def _parse_any_time(text: str) -> int:
    try:
        # Python 3.10 does not read the Z
        stamp = datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)
        if stamp.tzinfo is None:
            stamp = stamp.replace(tzinfo=timezone.utc)
        stamp = stamp.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"time {text!r} is not RFC 3339") from error
    return (stamp - _EPOCH) // timedelta(microseconds=1)
