"""Rejected messages of devices: each becomes a dead letter with its bytes, within bounds.

A device that sends rubbish sends it again and again (nothing acknowledges it). The same bytes are
kept once, and of each device only so many in a minute; the others are counted.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from hashlib import sha256

from lineal.bus.protocol import Addressed
from lineal.bus.topic_names import dead_letter_topic
from lineal.errors import LinealError
from lineal.lineage.record import Record, digest
from lineal.observability.tracing import first_traceparent
from lineal_producers.mqtt.records import GROUP, Recorder
from lineal_schemas.envelope import RawEvent, first_event, now_us
from lineal_schemas.failures import DeadLetter
from lineal_schemas.ids import output_id

MESSAGE_TYPE = "mqtt.message"
"""``type`` of the event in which a dead letter holds a message; ``source`` is ``mqtt:TOPIC``."""
_SCHEME = "mqtt:"
"""In a dead letter, before the topic of the broker: see :attr:`lineal.dead_letters.Letter`."""
_REMEMBERED = 4_096
_PER_MINUTE = 20


class RejectedMessage(LinealError):
    """A message that cannot be taken; the text holds nothing of what was sent."""


class Malformed(RejectedMessage):
    """It does not belong on its topic."""


class TooLarge(RejectedMessage):
    """It is larger than the limit."""


class DeviceMismatch(RejectedMessage):
    """A device sends something about another device."""


class Unpublishable(RejectedMessage):
    """It could be read, but the bus does not admit its content."""


class NotAllowed(RejectedMessage):
    """A device sends an event of a type that devices may not send."""


def dead_letter(topic: str, payload: bytes, device: str, error: RejectedMessage) -> RawEvent:
    """The event that keeps a message."""
    sha256_hex = sha256(payload).hexdigest()
    correlation_id = f"device:{device}"
    original = RawEvent(
        id=output_id(f"{topic}\n{sha256_hex}", GROUP, "1", MESSAGE_TYPE, 0),
        source=f"{_SCHEME}{topic}",
        type=MESSAGE_TYPE,
        subject=correlation_id,
        time=now_us(),
        datacontenttype="application/octet-stream",
        dataschema=None,
        partitionkey=device,
        traceparent=None,
        causationid=None,
        correlationid=correlation_id,
        data=payload,
    )
    letter = DeadLetter(
        group=GROUP,
        topic=original.source,
        partition=0,
        offset=0,
        event=original.to_json(exact=True).decode(),
        key=device,
        correlation_id=correlation_id,
        error_class=type(error).__name__,
        message=str(error),
        attempts=1,
    )
    identifier = output_id(original.id, GROUP, "1", DeadLetter.type, 0)
    return first_event(
        letter,
        id=identifier,
        source=f"lineal:group/{GROUP}",
        traceparent=first_traceparent(correlation_id, identifier),
    )


class Rejections:
    """Decides which refused messages are kept, and makes their dead letters."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._minute = 0
        self._kept: dict[str, int] = {}

    def keep(
        self, topic: str, payload: bytes, device: str, error: RejectedMessage
    ) -> tuple[Addressed, Record] | None:
        """The dead letter of a message, and its record; None if it is only counted."""
        if not self._is_worth_keeping(device, digest(topic.encode() + b"\n" + payload)):
            return None
        letter = dead_letter(topic, payload, device, error)
        record = self._recorder.record(
            letter.correlationid,
            inputs=[payload],
            outputs=[letter],
            outcome="rejected",
            error=type(error).__name__,
            reason=str(error),
        )
        return (dead_letter_topic(GROUP), letter), record

    def _is_worth_keeping(self, device: str, key: str) -> bool:
        if key in self._recent:
            self._recent.move_to_end(key)
            return False
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._kept = minute, {}
        count = self._kept.get(device, 0)
        if count >= _PER_MINUTE:
            return False
        self._kept[device] = count + 1
        self._recent[key] = None
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return True
