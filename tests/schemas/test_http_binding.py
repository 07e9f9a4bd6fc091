"""Events in HTTP messages: what the official SDK writes is read, and nothing breaks the reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from lineal_schemas.envelope import MalformedEvent, format_time, from_json
from lineal_schemas.http_binding import (
    CLOUDEVENTS_BATCH,
    UnsupportedFormat,
    decode_value,
    from_http,
)
from tests.schemas.raw_events import JSON_VALUES, RAW_EVENTS, TIMES

JSON = (b"content-type", b"application/cloudevents+json")
BATCH = (b"content-type", CLOUDEVENTS_BATCH.encode())
BINARY = [
    (b"ce-specversion", b"1.0"), (b"ce-id", b"1"), (b"ce-source", b"/s"), (b"ce-type", b"t"),
]  # fmt: skip
MINIMAL = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
# what a CloudEvents String may hold (section 3.1 of the specification)
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=20,
)


def on_the_wire(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


@pytest.mark.parametrize("write", [http.to_binary_event, http.to_structured_event])
@given(
    id=TEXT, subject=TEXT, partitionkey=TEXT, time=TIMES, data=st.dictionaries(TEXT, JSON_VALUES)
)
def test_what_the_sdk_sends_arrives_whole(
    write: Callable[..., http.HTTPMessage],
    id: str,
    subject: str,
    partitionkey: str,
    time: int,
    data: dict[str, Any],
) -> None:
    attributes = {
        "id": id, "source": "/scanner?a=%20", "type": "t", "subject": subject,
        "partitionkey": partitionkey, "datacontenttype": "application/json",
        "time": datetime.fromisoformat(format_time(time)),
    }  # fmt: skip
    message = write(CloudEvent(attributes, data))
    (event,) = from_http(on_the_wire(message.headers), message.body)
    assert (event.id, event.source, event.type) == (id, "/scanner?a=%20", "t")
    assert (event.subject, event.partitionkey, event.time) == (subject, partitionkey, time)
    assert json.loads(event.data or b"{}") == data


@given(st.lists(RAW_EVENTS, max_size=3))
def test_a_batch_is_its_events_in_order(events: list[Any]) -> None:
    body = b"[" + b",".join(event.to_json(exact=True) for event in events) + b"]"
    assert from_http([BATCH], body) == events


@given(TEXT)
def test_header_values_are_percent_decoded_once(text: str) -> None:
    for encoded in (quote(text, safe=""), quote(text, safe="").lower(), quote(text, safe=" \"'")):
        bare = '"' in encoded or encoded != encoded.strip()  # HTTP takes outer blanks away
        if not bare and encoded.lower() != text.lower():
            assert decode_value(encoded.encode(), "id").lower() == text.lower()
    assert decode_value(quote(quote(text, safe=""), safe="").encode(), "id") == quote(text, safe="")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        # the examples of section 3.1.3.2, and its double-quoted strings of older senders
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"%e2%82%ac", "€"),
        (b'"a b"', "a b"),
        (rb'"say \"yes\" \\ %E2%82%AC"', 'say "yes" \\ €'),
        (b'"', '"'),
        ("é".encode(), "é"),
        (b"100%", "100%"),
        (b"%25E2", "%E2"),
    ],
)
def test_header_values_mean_what_the_binding_says(value: bytes, meant: str) -> None:
    assert decode_value(value, "subject") == meant


def test_binary_mode_takes_the_media_type_from_the_content_type() -> None:
    headers = [
        *BINARY, (b"CE-DataContentType", b"text/html"), (b"Content-Type", b"image/png"),
        (b"ce-not-an-attribute", b"x"), (b"accept", b"*/*"),
    ]  # fmt: skip
    (event,) = from_http(headers, b"\x89PNG")
    assert (event.datacontenttype, event.data) == ("image/png", b"\x89PNG")
    assert from_http(BINARY, b"")[0].datacontenttype == "application/json"


def test_structured_mode_is_the_json_format_whatever_the_headers_say() -> None:
    body = json.dumps({**MINIMAL, "data": {"a": 1}}).encode()
    headers = [
        (b"ce-id", b"another"),
        (b"Content-Type", b"Application/CloudEvents+JSON; charset=UTF-8"),
    ]
    assert from_http(headers, body)[0]._replace(time=0) == from_json(body)._replace(time=0)


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ([], b"{}", "application/cloudevents-batch"),
        ([(b"content-type", b"application/json")], b"{}", "ce-"),
        (BINARY[1:], b"", "ce-specversion"),
        ([(b"ce-specversion", b"0.3"), *BINARY[1:]], b"", "ce-specversion"),
        (BINARY[:3], b"", "'type'"),
        ([*BINARY, (b"ce-time", b"yesterday")], b"", "RFC 3339"),
        ([*BINARY, (b"Ce-Id", b"2")], b"", "more than one header ce-id"),
        ([*BINARY, (b"ce-subject", b"%FF")], b"", "ce-subject is not UTF-8"),
        ([JSON], b"", "not JSON"),
        ([JSON], b"[]", "object"),
        ([JSON], json.dumps({**MINIMAL, "id": ""}).encode(), "'id'"),
        ([BATCH], b"{}", "array"),
        ([BATCH], b"[", "not JSON"),
        ([BATCH], json.dumps([MINIMAL, {**MINIMAL, "type": 5}]).encode(), "event 2 of 2"),
    ],
)
def test_what_is_no_event_says_why(
    headers: list[tuple[bytes, bytes]], body: bytes, said: str
) -> None:
    with pytest.raises(MalformedEvent, match=said):
        from_http(headers, body)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"application/cloudevents+avro")],
        [(b"content-type", b"application/cloudevents")],
        [(b"content-type", b"application/cloudevents+json; charset=utf-16")],
        [JSON, (b"content-encoding", b"gzip")],
    ],
)
def test_other_formats_are_unsupported(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(UnsupportedFormat):
        from_http(headers, b"{}")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"ce-id", b"ce-specversion", b"Ce-Type", b"ce-source", b"ce-time", b"ce-",
                 b"content-type", b"ce-\xff"]
            ),
            st.binary(max_size=8)
            | st.sampled_from([b"1.0", JSON[1], BATCH[1], b'"', b'"\\"', b"%", b"%F0%9F"]),
        )
    ),
    st.binary(max_size=20) | JSON_VALUES.map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_any_request_is_read_or_malformed(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    with suppress(MalformedEvent):
        from_http(headers, body)
