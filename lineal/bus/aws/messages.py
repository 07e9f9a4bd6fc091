"""Converts events to SNS/SQS messages (structured CloudEvents JSON and attributes) and back.

Attributes: ``type`` and ``subject`` for the filter policies of other subscribers; ``topic``,
because a queue holds what several topics sent it; ``offset``, microseconds since the Unix epoch at
publication, which with the key makes the event's position the same for every group and reader;
``publication``, of events that are published again on purpose, so that the inbox of a group that
handled them before lets them pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

from pydantic_core import from_json as parse_json

from lineal.bus.aws.names import identifier
from lineal.bus.protocol import Position
from lineal.bus.unreadable import unreadable_event
from lineal_schemas.bindings import from_sns
from lineal_schemas.envelope import MalformedEvent, RawEvent, now_us, parse_time
from lineal_schemas.ids import cause_id, source_mark

BATCH_ENTRIES = 10
BATCH_BYTES = 256_000
"""SNS takes 262,144 bytes a call, the names of attributes included."""
ATTRIBUTES = ("topic", "offset", "publication", "type", "subject")
_NOT_IN_MESSAGES = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Everything but what the SQS API reference lists as allowed."""
_MAX_SUBJECT = 1024
_MAX_OFFSET = (1 << 63) - 1


class Message(NamedTuple):
    """What is published."""

    group: str
    deduplication: str
    body: str
    attributes: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes as SNS counts them, rounded up."""
        attributes = sum(len(k) + len(v.encode()) + 8 for k, v in self.attributes.items())
        return len(self.body.encode()) + attributes + 64

    def entry(self, number: int) -> dict[str, Any]:
        """As a part of ``PublishBatch``."""
        return {
            "Id": str(number),
            "Message": self.body,
            "MessageGroupId": self.group,
            "MessageDeduplicationId": self.deduplication,
            "MessageAttributes": {
                name: {"DataType": "Number" if name == "offset" else "String", "StringValue": value}
                for name, value in self.attributes.items()
            },
        }


class Received(NamedTuple):
    """A message of a queue, read."""

    message_id: str
    receipt: str
    group: str
    position: Position
    event: RawEvent
    nonce: str | None
    """Which publication of the event it is; None for the first."""

    @property
    def publication(self) -> str:
        """What the inbox of a group knows it by."""
        return publication_of(self.event, self.nonce)


def publication_of(event: RawEvent, nonce: str | None) -> str:
    """The id of one publication of an event, which is known by its source too."""
    identity = cause_id(event.id, source_mark(event.id, event.source))
    return identity if nonce is None else f"{identity}#{nonce}"


def partition_of(key: str) -> int:
    """The number of a key in positions: message groups have no number of their own."""
    return crc32(key.encode("utf-8", "surrogatepass"))


class Offsets:
    """Publication times that never repeat within a process."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last = max(self._last + 1, now_us())
        return self._last


def message_of(topic: str, event: RawEvent, offset: int, nonce: str | None) -> Message:
    """The message that carries an event."""
    body = _carried(event.to_json(exact=True).decode("utf-8"))
    attributes = {"topic": topic, "offset": str(offset), "type": event.type}
    if event.subject and len(event.subject) <= _MAX_SUBJECT:
        attributes["subject"] = event.subject
    if nonce is not None:
        attributes["publication"] = nonce
    return Message(
        identifier(event.partitionkey),
        identifier(publication_of(event, nonce)),
        body,
        {
            name: value
            for name, value in attributes.items()
            if value and not _NOT_IN_MESSAGES.search(value)
        },
    )


def _carried(body: str) -> str:
    """JSON with characters that SQS refuses written as escapes: they occur only in strings."""
    return _NOT_IN_MESSAGES.sub(lambda found: f"\\u{ord(found[0]):04x}", body)


def unwrapped(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message as it was published, out of the notification in which SNS sent it; its
    ``SentTimestamp`` is that of its publication, also where an archive has sent it again ("a
    replayed message retains the same content, MessageId, and Timestamp as the original": the SNS
    developer guide, message archiving and replay)."""
    try:
        notification = parse_json(message["Body"])
    except ValueError:
        return message
    if not isinstance(notification, dict) or notification.get("Type") != "Notification":
        return message
    try:
        published_ms = parse_time(notification["Timestamp"]) // 1000
        attributes = {
            name: {"StringValue": value["Value"]}
            for name, value in notification.get("MessageAttributes", {}).items()
        }
        body = notification["Message"]
    except (KeyError, TypeError, AttributeError, MalformedEvent):
        return message
    return {
        **message,
        "Body": body,
        "MessageAttributes": attributes,
        "Attributes": {**message.get("Attributes", {}), "SentTimestamp": str(published_ms)},
    }


def received(message: Mapping[str, Any], topics: tuple[str, ...]) -> Received:
    """Read a message of a queue that is subscribed to these topics.

    One that is no event (somebody else can publish to a topic) becomes an event that no stage can
    decode, with the body as its data, and ends as a dead letter.
    """
    attributes = {
        name: value.get("StringValue", "")
        for name, value in message.get("MessageAttributes", {}).items()
    }
    system = message.get("Attributes", {})
    group = system.get("MessageGroupId", "")
    try:
        event = from_sns(message["Body"], _sent_us(system))
    except MalformedEvent as error:
        event = unreadable_event(
            message["Body"].encode(),
            str(error),
            id=message["MessageId"],
            source="aws:sqs",
            key=group,
            time_us=_sent_us(system),
        )
    named = [name for name in (event.type, attributes.get("type")) if name in topics]
    topic = attributes.get("topic") or (named[0] if named else topics[0])
    return Received(
        message["MessageId"],
        message["ReceiptHandle"],
        group or event.partitionkey,
        Position(topic, partition_of(event.partitionkey), _offset(attributes, system)),
        event,
        attributes.get("publication") or None,
    )


def _offset(attributes: Mapping[str, str], system: Mapping[str, str]) -> int:
    stated = attributes.get("offset", "")
    if stated.isascii() and stated.isdigit() and int(stated) <= _MAX_OFFSET:
        return int(stated)
    return _sent_us(system)


def _sent_us(system: Mapping[str, str]) -> int:
    """When SQS received a message: the time of an event that states none."""
    return int(system.get("SentTimestamp", 0)) * 1000
