"""Makes dead letters of messages that are not events."""

from __future__ import annotations

from lineal_schemas.envelope import RawEvent

UNREADABLE = "unreadable"
"""Type of what is no CloudEvent: no stage takes it."""
_REASON_CHARACTERS = 200


def unreadable_event(
    data: bytes, reason: str, *, id: str, source: str, key: str | None, time_us: int
) -> RawEvent:
    """An event with the unchanged bytes as its data and the reason they cannot be read as its
    subject.

    Args:
        key: of the message, if it has one.
        time_us: when the broker received it, in microseconds since the Unix epoch.
    """
    return RawEvent(
        id=id,
        source=source,
        type=UNREADABLE,
        subject=reason[:_REASON_CHARACTERS],
        time=time_us,
        datacontenttype="application/octet-stream",
        dataschema=None,
        partitionkey=key or id,
        traceparent=None,
        causationid=None,
        correlationid=id,
        data=data,
    )
