"""CloudEvents protocol bindings 1.0.2: an event as a message of Kafka, MQTT 5 or SNS/SQS.

Pure functions: they know the formats and no client library. HTTP has a module of its own,
:mod:`lineal_schemas.http_binding`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import compress, product
from typing import NamedTuple, cast

from lineal_schemas.envelope import (
    SPEC_VERSION,
    MalformedEvent,
    RawEvent,
    format_time,
    from_json,
    parse_time,
)
from lineal_schemas.media_types import JSON_MEDIA_TYPE, is_media_type, is_structured, json_problem

CLOUDEVENTS_JSON = "application/cloudevents+json"
"""Media type of an event in the JSON format (structured mode)."""

_MAX_MQTT_BYTES = 65_535
_NOT_IN_MQTT = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SPEC_VERSION_HEADER = ("ce_specversion", SPEC_VERSION.encode())

KafkaHeader = tuple[str, bytes]


class KafkaMessage(NamedTuple):
    """A record's key, value and headers."""

    key: bytes
    value: bytes
    headers: list[KafkaHeader]


def to_kafka(event: RawEvent) -> KafkaMessage:
    """Binary mode: attributes in ``ce_`` headers, the data as the value, the partition key as the
    key too, so that Kafka's own partitioner keeps events of one key in order.

    An event without data has an empty value, not a null one: compaction would take that for a
    deletion of the key.
    """
    key = event.partitionkey.encode()
    source, type, content_type, dataschema = _constant_headers(
        event.source, event.type, event.datacontenttype, event.dataschema
    )
    headers = [
        _SPEC_VERSION_HEADER,
        ("ce_id", event.id.encode()),
        source,
        type,
        ("ce_time", format_time(event.time).encode()),
        content_type,
        ("ce_partitionkey", key),
        ("ce_correlationid", event.correlationid.encode()),
    ]
    if event.subject is not None:
        headers.append(("ce_subject", event.subject.encode()))
    if dataschema is not None:
        headers.append(dataschema)
    if event.causationid is not None:
        headers.append(("ce_causationid", event.causationid.encode()))
    if event.traceparent is not None:
        headers.append(("ce_traceparent", event.traceparent.encode()))
    if event.supersedes is not None:
        headers.append(("ce_supersedes", event.supersedes.encode()))
    if event.actor is not None:
        headers.append(("ce_actor", event.actor.encode()))
    if event.mark is not None:
        headers.append(("ce_mark", event.mark.encode()))
    return KafkaMessage(key, event.data, headers)


@lru_cache(maxsize=1024)
def _constant_headers(
    source: str, type: str, content_type: str, dataschema: str | None
) -> tuple[KafkaHeader, KafkaHeader, KafkaHeader, KafkaHeader | None]:
    return (
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
        ("content-type", content_type.encode()),
        None if dataschema is None else ("ce_dataschema", dataschema.encode()),
    )


_ALWAYS = (
    "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type",
    "ce_partitionkey", "ce_correlationid",
)  # fmt: skip
_SOMETIMES = (
    "ce_subject", "ce_dataschema", "ce_causationid", "ce_traceparent", "ce_supersedes", "ce_actor",
    "ce_mark",
)  # fmt: skip


def _layouts() -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    for chosen in product((False, True), repeat=len(_SOMETIMES)):
        names = (*_ALWAYS, *compress(_SOMETIMES, chosen))
        yield names, tuple(names.index(n) if n in names else len(names) for n in _SOMETIMES)


_LAYOUTS = dict(_layouts())
"""The names of the headers as :func:`to_kafka` writes them, and the indices of optional ones; past
the end for absent ones."""


def from_kafka(
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
    appended_us: int = 0,
) -> RawEvent:
    """Read a record in binary or structured mode, other headers being ignored.

    The record's key stands in for a ``partitionkey`` the event does not state, and its timestamp,
    ``appended_us`` in microseconds since the Unix epoch, for a ``time``.

    Raises:
        MalformedEvent: it is no CloudEvent 1.0.
    """
    headers = tuple(headers)
    # Reading what we wrote by place takes half the time.
    event = _as_written(key, value or b"", headers)
    if event is not None:
        return event
    attributes: dict[str, str] = {}
    content_type = None
    try:
        for name, content in headers:
            if content is None:
                continue
            if name[:3] == "ce_":
                attributes[name[3:]] = content.decode()
            elif name == "content-type":
                content_type = content.decode()
        partition_key = None if key is None else key.decode()
    except UnicodeDecodeError as error:
        raise MalformedEvent(f"the key or a header is not UTF-8: {error}") from error
    return _event(attributes, content_type, value or b"", partition_key, appended_us)


def _as_written(
    key: bytes | None, data: bytes, headers: tuple[tuple[str, bytes | None], ...]
) -> RawEvent | None:
    """The event if its headers are those :func:`to_kafka` writes, in that order; else None."""
    layout = _LAYOUTS.get(tuple([name for name, _ in headers]))
    if layout is None:
        return None
    contents = [content for _, content in headers]
    if not all(contents) or contents[6] != key:
        return None
    known = cast(list[bytes], contents)
    known.append(b"")
    subject, dataschema, causation, trace, superseded, actor, mark = layout
    try:
        constant = _constants(known[0], known[2], known[3], known[5], known[dataschema])
        if constant is None:
            return None
        source, type, content_type, schema = constant
        return RawEvent(
            known[1].decode(),
            source,
            type,
            known[subject].decode() or None,
            parse_time(known[4].decode()),
            content_type,
            schema,
            known[6].decode(),
            known[trace].decode() or None,
            known[causation].decode() or None,
            known[7].decode(),
            data,
            known[superseded].decode() or None,
            known[actor].decode() or None,
            known[mark].decode() or None,
        )
    except UnicodeDecodeError:
        return None


@lru_cache(maxsize=1024)
def _constants(
    version: bytes, source: bytes, type: bytes, content_type: bytes, dataschema: bytes
) -> tuple[str, str, str, str | None] | None:
    media_type = content_type.decode()
    if version != _SPEC_VERSION_HEADER[1] or is_structured(media_type):
        return None
    return source.decode(), type.decode(), media_type, dataschema.decode() or None


class MqttMessage(NamedTuple):
    """What of an MQTT 5 PUBLISH an event fills in."""

    payload: bytes
    content_type: str
    """The ``Content Type`` property."""
    user_properties: list[tuple[str, str]]


def to_mqtt5(event: RawEvent) -> MqttMessage:
    """Binary mode: attributes as user properties under their own names, the data as the payload.

    Structured mode where an attribute holds what an MQTT string must or should not (section 1.5.4
    of MQTT 5: control and non-characters, more than 65,535 bytes): a broker may close the
    connection over it.
    """
    attributes = [
        ("specversion", SPEC_VERSION),
        ("id", event.id),
        ("source", event.source),
        ("type", event.type),
        ("subject", event.subject),
        ("time", format_time(event.time)),
        ("dataschema", event.dataschema),
        ("partitionkey", event.partitionkey),
        ("traceparent", event.traceparent),
        ("causationid", event.causationid),
        ("correlationid", event.correlationid),
        ("supersedes", event.supersedes),
        ("actor", event.actor),
        ("mark", event.mark),
    ]
    properties = [(name, value) for name, value in attributes if value is not None]
    texts = (event.datacontenttype, *(value for _, value in properties))
    if any(_NOT_IN_MQTT.search(text) or len(text.encode()) > _MAX_MQTT_BYTES for text in texts):
        return MqttMessage(event.to_json(exact=True), CLOUDEVENTS_JSON, [])
    return MqttMessage(event.data, event.datacontenttype, properties)


def from_mqtt5(
    payload: bytes,
    content_type: str | None,
    user_properties: Iterable[tuple[str, str]],
    received_us: int = 0,
) -> RawEvent:
    """Read a PUBLISH in binary or structured mode; properties that are no attributes are ignored.

    MQTT has no time of its own: ``received_us``, microseconds since the Unix epoch, is that of an
    event that states none.

    Raises:
        MalformedEvent: it is no CloudEvent 1.0.
    """
    return _event(dict(user_properties), content_type, payload, None, received_us)


def _event(
    attributes: dict[str, str],
    content_type: str | None,
    data: bytes,
    key: str | None,
    received_us: int,
) -> RawEvent:
    if content_type is not None and is_structured(content_type):
        if not is_media_type(content_type, CLOUDEVENTS_JSON):
            raise MalformedEvent(f"{content_type} is not read here, only {CLOUDEVENTS_JSON}")
        if problem := json_problem(content_type):
            raise MalformedEvent(problem)
        event = from_json(data, received_us)
        # from_json gives an event without a key its id for one
        return event._replace(partitionkey=key) if key and event.partitionkey == event.id else event
    get = attributes.get
    if get("specversion") != SPEC_VERSION:
        raise MalformedEvent(f"specversion must be {SPEC_VERSION!r}")
    id, source, type, time = get("id"), get("source"), get("type"), get("time")
    if not (id and source and type):
        raise MalformedEvent("there must be an id, a source and a type, none of them empty")
    # from_attributes() does the same for values of any type, in twice the time
    return RawEvent(
        id,
        source,
        type,
        get("subject") or None,
        received_us if time is None else parse_time(time),
        content_type or JSON_MEDIA_TYPE,
        get("dataschema") or None,
        get("partitionkey") or key or id,
        get("traceparent") or None,
        get("causationid") or None,
        get("correlationid") or id,
        data,
        get("supersedes") or None,
        get("actor") or None,
        get("mark") or None,
    )


class SnsMessage(NamedTuple):
    """A body, and attributes for filter policies, as SNS ``Publish`` and SQS ``SendMessage`` take
    them (``MessageAttributes``)."""

    body: str
    attributes: dict[str, dict[str, str]]


def to_sns(event: RawEvent) -> SnsMessage:
    """Structured mode in the body, with ``type`` and ``subject`` as message attributes.

    Data whose bytes JSON would not keep is put in as base64. Characters that SNS and SQS refuse
    (those XML 1.0 has no room for) are escaped in the body; an attribute that has one is left out.
    """
    body = _NOT_IN_XML.sub(
        lambda found: f"\\u{ord(found[0]):04x}", event.to_json(exact=True).decode()
    )
    texts = {"type": event.type, "subject": event.subject}
    return SnsMessage(
        body,
        {
            name: {"DataType": "String", "StringValue": text}
            for name, text in texts.items()
            if text and not _NOT_IN_XML.search(text)
        },
    )


def from_sns(body: str | bytes, sent_us: int = 0) -> RawEvent:
    """Read the body of an SQS message, raw delivery being switched on.

    The message's ``SentTimestamp``, ``sent_us`` in microseconds since the Unix epoch, stands in for
    a ``time`` the event does not state.

    Raises:
        MalformedEvent: it is no CloudEvent in JSON, or still in an SNS notification.
    """
    try:
        return from_json(body, sent_us)
    except MalformedEvent as error:
        if '"TopicArn"' in (body if isinstance(body, str) else body.decode(errors="replace")):
            raise MalformedEvent(
                "an SNS notification and not an event: switch on RawMessageDelivery"
            ) from error
        raise
