"""The CloudEvents 1.0 envelope: ``RawEvent``, typed events, JSON in and out.

Two forms of one event: :class:`RawEvent` has the data as bytes and is what buses move;
:class:`Event` has it as a typed payload and is what stages see.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic_core import from_json as parse_json
from pydantic_core import to_json as render_json

from lineal_schemas.errors import MalformedEvent as MalformedEvent
from lineal_schemas.ids import again_id
from lineal_schemas.media_types import JSON_MEDIA_TYPE, is_json, json_problem
from lineal_schemas.payload import Payload, parse_payload, payload_bytes
from lineal_schemas.times import format_time as format_time
from lineal_schemas.times import now_us as now_us
from lineal_schemas.times import parse_time as parse_time

SPEC_VERSION = "1.0"
_SCHEMA_PREFIX = "urn:lineal:schema:"
_VERSION = re.compile(r"[1-9][0-9]{0,8}")

P = TypeVar("P", bound=Payload, covariant=True)


class RawEvent(NamedTuple):
    """A CloudEvent with its data as bytes: the required and optional attributes and our extensions.

    A NamedTuple because buses build one from every row or message they read.
    """

    id: str
    source: str
    type: str
    subject: str | None
    time: int
    """Microseconds since the Unix epoch, UTC; RFC 3339 on the wire."""
    datacontenttype: str
    dataschema: str | None
    partitionkey: str
    traceparent: str | None
    causationid: str | None
    """Id of the event that caused this one; None for events that producers mint."""
    correlationid: str
    """Shared by all events about one document, device or other thing."""
    data: bytes
    supersedes: str | None = None
    """Id of the event whose place this one takes: another version of a stage made that one of the
    same input. Where another model of the same version made other data under the same id, a name
    derived from that id and that step."""
    actor: str | None = None
    """Who sent it, as the runtime has found out where it came in; None for what a stage made."""
    mark: str | None = None
    """By which the workers of an installation know, on a broker that others write to as well, that
    one of them published it."""

    def to_json(self, *, exact: bool = False) -> bytes:
        """The JSON event format (CloudEvents structured mode); absent attributes are left out.

        JSON data is embedded as it is, so a reader may serialise it to other bytes. With ``exact``,
        data that :func:`from_json` would not give back to the byte is put in as base64; costs a
        reading.
        """
        attributes = {
            "specversion": SPEC_VERSION,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": format_time(self.time),
            "datacontenttype": self.datacontenttype,
            "dataschema": self.dataschema,
            "partitionkey": self.partitionkey,
            "traceparent": self.traceparent,
            "causationid": self.causationid,
            "correlationid": self.correlationid,
            "supersedes": self.supersedes,
            "actor": self.actor,
            "mark": self.mark,
        }
        head = render_json({name: value for name, value in attributes.items() if value is not None})
        if not self.data:
            return head
        if _says_json(self.datacontenttype) and _goes_as_json(self.data, exact=exact):
            return b'%b,"data":%b}' % (head[:-1], self.data)
        return b'%b,"data_base64":"%b"}' % (head[:-1], base64.b64encode(self.data))


def _goes_as_json(data: bytes, *, exact: bool) -> bool:
    """Whether data can be a value within JSON; with ``exact``, and be given back to the byte."""
    try:
        # As deep as it will stand in the message: parsers bound the depth.
        values = parse_json(b"[%b]" % data, allow_inf_nan=False)
    except ValueError:
        return False
    return len(values) == 1 and (not exact or render_json(values[0]) == data)


def from_json(message: bytes | str, received_us: int = 0) -> RawEvent:
    """Read one event in the JSON event format.

    Args:
        received_us: when a broker or an ingress received it, in microseconds since the Unix epoch:
            the time of an event that states none (``time`` is optional in CloudEvents).

    Raises:
        MalformedEvent: it is not JSON, not an object, or a required attribute is missing or wrong.
    """
    try:
        fields = parse_json(message, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedEvent(f"not JSON: {error}") from error
    return from_fields(fields, received_us)


def from_fields(fields: Any, received_us: int = 0) -> RawEvent:
    """Read one event in the JSON event format, the JSON being parsed already; see
    :func:`from_json`.

    Raises:
        MalformedEvent: it is not an object, or a required attribute is missing or wrong.
    """
    if not isinstance(fields, dict):
        raise MalformedEvent("not a JSON object")
    if fields.get("specversion") != SPEC_VERSION:
        raise MalformedEvent(f"specversion must be {SPEC_VERSION!r}")
    return from_attributes(fields, _data_of(fields), received_us)


def _data_of(fields: dict[str, Any]) -> bytes:
    """The data of an event in the JSON format; empty where the event carries none."""
    if "data_base64" in fields:
        if "data" in fields:
            raise MalformedEvent("there may be data or data_base64, not both")
        try:
            return base64.b64decode(fields["data_base64"], validate=True)
        except (ValueError, TypeError) as error:
            raise MalformedEvent(f"data_base64 is not base64: {error}") from error
    if "data" not in fields:
        return b""
    data = fields["data"]
    if isinstance(data, str) and not _says_json(fields.get("datacontenttype")):
        return data.encode()
    return render_json(data)


def _says_json(datacontenttype: Any) -> bool:
    """Whether data of this media type is a JSON value rather than text (CloudEvents JSON format,
    section 3.1); no media type means JSON."""
    if not isinstance(datacontenttype, str) or not datacontenttype:
        return True
    return is_json(datacontenttype)


def from_attributes(attributes: dict[str, Any], data: bytes, received_us: int = 0) -> RawEvent:
    """Make an event from CloudEvents attributes by name and its data (the binary modes); see
    :func:`from_json`.

    Raises:
        MalformedEvent: a required attribute is missing or one has the wrong type.
    """
    for name in ("id", "source", "type"):
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise MalformedEvent(f"attribute {name!r} must be a non-empty string")
    for name in (
        "subject", "time", "datacontenttype", "dataschema",
        "partitionkey", "traceparent", "causationid", "correlationid", "supersedes", "actor",
        "mark",
    ):  # fmt: skip
        if attributes.get(name) is not None and not isinstance(attributes[name], str):
            raise MalformedEvent(f"attribute {name!r} must be a string")
    stamp = attributes.get("time")
    return RawEvent(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        subject=attributes.get("subject") or None,
        time=received_us if stamp is None else parse_time(stamp),
        datacontenttype=attributes.get("datacontenttype") or JSON_MEDIA_TYPE,
        dataschema=attributes.get("dataschema") or None,
        partitionkey=attributes.get("partitionkey") or attributes["id"],
        traceparent=attributes.get("traceparent") or None,
        causationid=attributes.get("causationid") or None,
        correlationid=attributes.get("correlationid") or attributes["id"],
        data=data,
        supersedes=attributes.get("supersedes") or None,
        actor=attributes.get("actor") or None,
        mark=attributes.get("mark") or None,
    )


@lru_cache(maxsize=1024)
def schema_uri(type: str, version: int) -> str:
    """The ``dataschema`` of a payload type and version."""
    return f"{_SCHEMA_PREFIX}{type}:{version}"


@lru_cache(maxsize=1024)
def schema_version(dataschema: str | None) -> int:
    """The payload version a ``dataschema`` names; an event without one is version 1.

    Raises:
        MalformedEvent: it is no schema of ours.
    """
    if dataschema is None:
        return 1
    prefix, _, version = dataschema.rpartition(":")
    known = prefix.startswith(_SCHEMA_PREFIX) and _VERSION.fullmatch(version)
    if not known:
        raise MalformedEvent(f"dataschema {dataschema!r} is not one of lineal's")
    return int(version)


@dataclass(slots=True)
class Event(Generic[P]):
    """A CloudEvent whose data is a payload of a known type."""

    id: str
    source: str
    data: P
    time: int
    subject: str | None
    partitionkey: str
    correlationid: str
    causationid: str | None = None
    traceparent: str | None = None
    supersedes: str | None = None

    @property
    def type(self) -> str:
        return self.data.type


def decode(raw: RawEvent) -> Event[Payload]:
    """Read the data as the newest version of its payload type.

    Raises:
        UnknownPayload, MalformedEvent, pydantic.ValidationError, ValueError: the event cannot be
            understood.
    """
    return Event(
        raw.id,
        raw.source,
        decode_payload(raw),
        raw.time,
        raw.subject,
        raw.partitionkey,
        raw.correlationid,
        raw.causationid,
        raw.traceparent,
        raw.supersedes,
    )


def decode_payload(raw: RawEvent) -> Payload:
    """:func:`decode` without the attributes.

    Raises:
        As :func:`decode`.
    """
    if (problem := json_problem(raw.datacontenttype)) is not None:
        raise MalformedEvent(problem)
    return parse_payload(raw.type, _version_of(raw.type, raw.dataschema), raw.data)


@lru_cache(maxsize=1024)
def _version_of(type: str, dataschema: str | None) -> int | None:
    """The version of a type's data; None (the newest) where the schema is not lineal's."""
    if dataschema is not None and not dataschema.startswith(_SCHEMA_PREFIX):
        return None
    if dataschema is not None and not dataschema.startswith(f"{_SCHEMA_PREFIX}{type}:"):
        raise MalformedEvent(f"dataschema {dataschema!r} is not one of type {type!r}")
    return schema_version(dataschema)


def first_event(
    payload: Payload,
    *,
    id: str,
    source: str,
    traceparent: str | None = None,
    time: int | None = None,
    actor: str | None = None,
) -> RawEvent:
    """An event nothing on the bus caused: only producers make these, with an id they derived."""
    return RawEvent(
        id=id,
        source=source,
        type=payload.type,
        subject=payload.correlation_key(),
        time=now_us() if time is None else time,
        datacontenttype=JSON_MEDIA_TYPE,
        dataschema=schema_uri(payload.type, payload.version),
        partitionkey=payload.partition_key() or id,
        traceparent=traceparent,
        causationid=None,
        correlationid=payload.correlation_key() or id,
        data=payload_bytes(payload),
        actor=actor,
    )


def published_again(event: RawEvent, token: str) -> RawEvent:
    """The event as it is published again on purpose: with another id, so that groups that have
    handled it handle it again, and with the old id as its cause.

    Args:
        token: names this publication. With the same one the event has the same id, so that a
            repetition is harmless; with another one it counts again.
    """
    return event._replace(id=again_id(event.id, token), causationid=event.id)


def caused_event(
    payload: Payload,
    cause: RawEvent,
    *,
    id: str,
    source: str,
    traceparent: str | None,
    time: int,
) -> RawEvent:
    """An event made from another one: it keeps the cause's correlation id and names the cause."""
    return caused_by(
        cause,
        payload.type,
        payload.version,
        payload_bytes(payload),
        payload.partition_key(),
        payload.correlation_key(),
        id=id,
        source=source,
        traceparent=traceparent,
        time=time,
    )


def caused_by(
    cause: RawEvent,
    type: str,
    version: int,
    data: bytes,
    key: str | None,
    correlation_id: str | None,
    *,
    id: str,
    source: str,
    traceparent: str | None,
    time: int,
) -> RawEvent:
    """:func:`caused_event` for a payload that is given as its data, partition key and correlation
    key."""
    return RawEvent(
        id,
        source,
        type,
        correlation_id or cause.subject,
        time,
        JSON_MEDIA_TYPE,
        schema_uri(type, version),
        key or cause.partitionkey,
        traceparent,
        cause.id,
        correlation_id or cause.correlationid,
        data,
    )
