"""Making a dead letter of an event that a group gives up on."""

from __future__ import annotations

import traceback

from lineal.bus.protocol import Delivery, Settlement
from lineal.errors import ObjectCorrupt, ObjectMissing, Reject
from lineal.lineage.record import Artifact, Record, digest
from lineal.observability.tracing import child_traceparent
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal_schemas.envelope import RawEvent, caused_event, now_us
from lineal_schemas.failures import DeadLetter
from lineal_schemas.ids import output_id

_DEAD = "dead."
_TRACEBACK_CHARACTERS = 8_000
_MESSAGE_CHARACTERS = 2_000
_WITHOUT_PERSONAL_DATA = (
    Reject, WorkerCrashed, WorkerTimeout, WorkerOutOfMemory, ObjectMissing, ObjectCorrupt,
)  # fmt: skip
"""Errors whose text the ledger keeps. Of others it keeps the class only; the dead letter, which can
be erased, has the text."""


def dead_letter_topic(group: str) -> str:
    """Where a group's dead letters go."""
    return f"{_DEAD}{group}"


def is_dead_letter_topic(topic: str) -> bool:
    """Whether a topic is where some group's dead letters go."""
    return topic.startswith(_DEAD)


def redrive_topic(group: str) -> str:
    """Where dead letters come back from; only this group reads it."""
    return f"redrive.{group}"


def dead_letter_settlement(
    group: str, delivery: Delivery, record: Record, error: Exception, attempts: int
) -> Settlement:
    """Settle a delivery by putting its event, whole, on the group's dead-letter topic."""
    letter = _dead_letter(group, delivery, error, attempts)
    (entry,) = record.steps
    artifact = Artifact(
        digest(letter.data), letter.datacontenttype, len(letter.data), "dead-letter"
    )
    failed = record.replace_step(
        outcome="rejected" if isinstance(error, Reject) else "failed",
        error=_class_name(error),
        reason=_message(error) if isinstance(error, _WITHOUT_PERSONAL_DATA) else None,
        attempt=attempts,
        outputs=(*entry.outputs, artifact),
        emitted=(),
        events_out=(letter.id,),
    )
    return Settlement(delivery, [(dead_letter_topic(group), letter)], failed)


def _dead_letter(group: str, delivery: Delivery, error: Exception, attempts: int) -> RawEvent:
    position, event = delivery.position, delivery.event
    # The position, and not only the event's id: a redriven event that fails again is another
    # dead letter, while a redelivery of the same one is the same.
    identifier = output_id(event.id, group, f"{position}", DeadLetter.type, 0)
    trace = _storable("".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:])
    return caused_event(
        DeadLetter(
            group=group,
            topic=position.topic,
            partition=position.partition,
            offset=position.offset,
            event=event.to_json(exact=True).decode(),
            key=event.partitionkey,
            story_of=event.correlationid,
            error_class=_class_name(error),
            message=_message(error),
            traceback=None if isinstance(error, Reject) else trace,
            attempts=attempts,
        ),
        event,
        id=identifier,
        source=f"lineal:group/{group}",
        traceparent=child_traceparent(event.traceparent, event.correlationid, identifier),
        time=now_us(),
    )


def _message(error: Exception) -> str:
    return _storable(str(error)[:_MESSAGE_CHARACTERS])


def _storable(text: str) -> str:
    """Text without lone surrogates: file names that are not UTF-8 have them, no JSON takes them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _class_name(error: Exception) -> str:
    return type(error).__name__
