"""CloudEvents HTTP binding: binary, structured and batched content mode.

The rules are those of the CloudEvents HTTP protocol binding 1.0.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from pydantic_core import from_json as parse_json

from lineal_schemas.bindings import CLOUDEVENTS_JSON
from lineal_schemas.envelope import (
    SPEC_VERSION,
    MalformedEvent,
    RawEvent,
    from_attributes,
    from_fields,
    from_json,
)
from lineal_schemas.media_types import is_structured, json_problem, parse_media_type

CLOUDEVENTS_BATCH = "application/cloudevents-batch+json"

_PREFIX = b"ce-"
_ATTRIBUTE = re.compile(r"[a-z0-9]+")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ACCEPTED = (
    f"send {CLOUDEVENTS_JSON}, {CLOUDEVENTS_BATCH}, or the attributes in ce-* headers "
    "with the data as the body"
)


class UnsupportedFormat(MalformedEvent):
    """A CloudEvent in a format or an encoding that is not read here."""


def from_http(
    headers: Iterable[tuple[bytes, bytes]], body: bytes, received_us: int = 0
) -> list[RawEvent]:
    """The events of an HTTP message: one, or those of a batch, which may be none.

    Args:
        headers: names, in any case, and values as they were on the wire.
        body: the whole body.
        received_us: when it came, in microseconds since the Unix epoch: the time of events that
            state none.

    Raises:
        UnsupportedFormat: the media type or content encoding is not one of those above.
        MalformedEvent: an event cannot be read; of a batch, says which.
    """
    content_type, attributes = _read_headers(headers)
    if content_type is None or not is_structured(content_type):
        return [_binary(attributes, content_type, body, received_us)]
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.essence not in (CLOUDEVENTS_JSON, CLOUDEVENTS_BATCH):
        raise UnsupportedFormat(f"{content_type} is not read here: {_ACCEPTED}")
    if problem := json_problem(content_type):
        raise UnsupportedFormat(problem)
    if media_type.essence == CLOUDEVENTS_BATCH:
        return _batch(body, received_us)
    return [from_json(body, received_us)]


def _read_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, dict[str, str]]:
    """The content type, and the attributes that headers state."""
    content_type = None
    attributes: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-type":
            content_type = value.decode("latin-1").strip() or None
        elif lower == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise UnsupportedFormat("send the body as it is, without a content-encoding")
        elif lower.startswith(_PREFIX):
            attribute = lower[len(_PREFIX) :].decode("latin-1")
            if not _ATTRIBUTE.fullmatch(attribute):
                continue
            if attribute in attributes:
                raise MalformedEvent(f"there is more than one header ce-{attribute}")
            attributes[attribute] = decode_value(value, attribute)
    return content_type, attributes


def decode_value(value: bytes, attribute: str) -> str:
    """An attribute as its header states it (section 3.1.3.2): double quotes are taken off, then
    one round of percent-decoding gives UTF-8. Senders that do not encode at all are read too, as
    long as what they send is UTF-8.

    Raises:
        MalformedEvent: it is not UTF-8.
    """
    value = value.strip(b" \t")
    if len(value) >= 2 and value[:1] == value[-1:] == b'"':
        value = _ESCAPED.sub(rb"\1", value[1:-1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise MalformedEvent(
            f"header ce-{attribute} is not UTF-8 in percent-encoding: {error.reason}"
        ) from error


def _binary(
    attributes: dict[str, str], content_type: str | None, body: bytes, received_us: int
) -> RawEvent:
    if not attributes:
        raise MalformedEvent(f"this is no CloudEvent: {_ACCEPTED}")
    if attributes.get("specversion") != SPEC_VERSION:
        raise MalformedEvent(f"header ce-specversion must be {SPEC_VERSION}")
    attributes.pop("datacontenttype", None)  # the content type says it (section 3.1.1)
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    return from_attributes(attributes, body, received_us)


def _batch(body: bytes, received_us: int) -> list[RawEvent]:
    try:
        items = parse_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedEvent(f"not JSON: {error}") from error
    if not isinstance(items, list):
        raise MalformedEvent("a batch is a JSON array of events")
    events = []
    for number, item in enumerate(items, 1):
        try:
            events.append(from_fields(item, received_us))
        except MalformedEvent as error:
            raise MalformedEvent(f"event {number} of {len(items)}: {error}") from error
    return events
