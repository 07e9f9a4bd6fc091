"""Makes the dead letter event of an event that a group could not handle, and the event that says
so."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.bus.protocol import Position
from lineal.observability.tracing import child_traceparent
from lineal_schemas.envelope import RawEvent, caused_event, now_us
from lineal_schemas.failures import DeadLetter, EventFailed
from lineal_schemas.ids import output_id


def dead_letter_event(
    group: str,
    position: Position,
    event: RawEvent,
    *,
    error_class: str,
    message: str,
    attempts: int,
    traceback: str | None = None,
) -> RawEvent:
    """The dead letter of an event that was delivered at a position."""
    # The position, and not only the event's id: a redriven event that fails again is another
    # dead letter, while a redelivery of the same one is the same.
    identifier = output_id(event.id, group, f"{position}", DeadLetter.type, 0)
    return caused_event(
        DeadLetter(
            group=group,
            topic=position.topic,
            partition=position.partition,
            offset=position.offset,
            event=event.to_json(exact=True).decode(),
            key=event.partitionkey,
            correlation_id=event.correlationid,
            error_class=error_class,
            message=message,
            traceback=traceback,
            attempts=attempts,
        ),
        event,
        id=identifier,
        source=f"lineal:group/{group}",
        traceparent=child_traceparent(event.traceparent, event.correlationid, identifier),
        time=now_us(),
    )


def event_failed(
    group: str,
    produces: Sequence[str],
    event: RawEvent,
    letter: RawEvent,
    *,
    error: tuple[str, str | None],
) -> RawEvent:
    """The event that says that another one has become a dead letter.

    Args:
        produces: the types of events that the group makes.
        error: its class, and its text where that holds no personal data.
    """
    error_class, reason = error
    identifier = output_id(letter.id, group, "1", EventFailed.type, 0)
    return caused_event(
        EventFailed(
            group=group,
            id=event.id,
            source=event.source,
            event_type=event.type,
            produces=tuple(produces),
            error_class=error_class,
            reason=reason,
            dead_letter=letter.id,
            key=event.partitionkey,
            correlation_id=event.correlationid,
        ),
        event,
        id=identifier,
        source=letter.source,
        traceparent=child_traceparent(event.traceparent, event.correlationid, identifier),
        time=letter.time,
    )
