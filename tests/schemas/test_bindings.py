"""Events as messages of Kafka, MQTT 5 and SNS/SQS: they survive whole, others can read them."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from lineal_schemas.bindings import (
    CLOUDEVENTS_JSON,
    from_kafka,
    from_mqtt5,
    from_sns,
    to_kafka,
    to_mqtt5,
    to_sns,
)
from lineal_schemas.envelope import MalformedEvent, RawEvent, parse_time
from tests.schemas.raw_events import RAW_EVENTS

EVENT = RawEvent(
    id="e2",
    source="lineal:stage/index",
    type="document.indexed",
    subject="document:d1",
    time=parse_time("2026-11-21T09:00:00.000001Z"),
    datacontenttype="application/json",
    dataschema="urn:lineal:schema:document.indexed:1",
    partitionkey="d1",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    causationid="e1",
    correlationid="document:d1",
    data='{"document_id":"d1","näme":"é"}'.encode(),
)
BARE = EVENT._replace(subject=None, dataschema=None, traceparent=None, causationid=None, data=b"")


@given(RAW_EVENTS)
def test_kafka_keeps_every_event_whole(event: RawEvent) -> None:
    assert from_kafka(*to_kafka(event)) == event


@given(RAW_EVENTS)
def test_mqtt_keeps_every_event_whole(event: RawEvent) -> None:
    message = to_mqtt5(event)
    assert from_mqtt5(*message) == event
    for name, value in [*message.user_properties, ("content type", message.content_type)]:
        assert "\x00" not in value, name


@given(RAW_EVENTS)
def test_sns_keeps_every_event_whole_in_characters_it_accepts(event: RawEvent) -> None:
    message = to_sns(event)
    assert from_sns(message.body) == event
    for text in (message.body, *(value["StringValue"] for value in message.attributes.values())):
        assert text
        # https://www.w3.org/TR/xml/#charsets, which SQS and SNS refer to
        assert all(
            character in "\t\n\r" or " " <= character <= "\ud7ff" or "\ue000" <= character <= "�"
            or character >= "\U00010000"
            for character in text
        )  # fmt: skip


@pytest.mark.parametrize("event", [EVENT, BARE])
def test_the_sdk_reads_our_kafka_records(event: RawEvent) -> None:
    record = to_kafka(event)
    message = kafka.KafkaMessage(dict(record.headers), record.key, record.value)
    read = kafka.from_kafka_event(message)
    assert (read.get_id(), read.get_source(), read.get_type()) == (
        event.id,
        event.source,
        event.type,
    )
    assert read.get_time() == datetime(2026, 11, 21, 9, 0, 0, 1, UTC)
    assert read.get_subject() == event.subject
    assert read.get_dataschema() == event.dataschema
    assert read.get_datacontenttype() == "application/json"
    for name in ("partitionkey", "traceparent", "causationid", "correlationid"):
        assert read.get_extension(name) == getattr(event, name)
    assert read.get_data() == ({"document_id": "d1", "näme": "é"} if event.data else None)


@pytest.mark.parametrize("write", [kafka.to_binary_event, kafka.to_structured_event])
def test_we_read_the_sdks_kafka_records(write: Any) -> None:
    attributes = {
        "id": "1", "source": "/s", "type": "t", "partitionkey": "k", "causationid": "c",
        "time": datetime(2026, 11, 21, 9, tzinfo=UTC), "datacontenttype": "application/json",
    }  # fmt: skip
    made = write(CloudEvent(attributes, {"a": "é"}))
    event = from_kafka(made.key.encode(), made.value, made.headers.items())
    assert (event.id, event.partitionkey, event.causationid) == ("1", "k", "c")
    assert event.time == parse_time("2026-11-21T09:00:00Z")
    assert b"a" in event.data


@pytest.mark.parametrize("structured", [True, False])
def test_a_records_key_stands_in_for_the_partition_key(structured: bool) -> None:
    if structured:
        value, headers = (
            b'{"specversion":"1.0","id":"1","source":"s","type":"t"}',
            [("content-type", b"Application/CloudEvents+json; charset=utf-8")],
        )
    else:
        value = b""
        headers = [
            (f"ce_{name}", text)
            for name, text in (
                ("specversion", b"1.0"), ("id", b"1"), ("source", b"s"), ("type", b"t"),
            )
        ]  # fmt: skip
    assert from_kafka(b"key", value, headers).partitionkey == "key"
    assert from_kafka(None, value, headers).partitionkey == "1"


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        (None, []),
        (None, [("ce_id", b"1")]),
        (None, [("ce_specversion", b"0.3"), ("ce_id", b"1")]),
        (None, [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"s")]),
        (None, [("ce_specversion", b"1.0"), ("ce_id", b"\xff")]),
        (b"\xff", to_kafka(EVENT).headers),
        (None, [*to_kafka(EVENT).headers, ("ce_time", b"yesterday")]),
        (None, [("content-type", b"application/cloudevents+json")]),
    ],
)
def test_a_record_that_is_no_event_is_malformed(
    key: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    with pytest.raises(MalformedEvent):
        from_kafka(key, b"x", headers)


@given(
    st.none() | st.binary(max_size=8),
    st.none() | st.binary(max_size=30),
    st.lists(
        st.tuples(
            st.sampled_from(["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "x",
                             "ce_", "content-type"]),
            st.none() | st.binary(max_size=8)
            | st.sampled_from([b"1.0", b"application/cloudevents+json"]),
        )
    ),
)  # fmt: skip
def test_any_record_is_read_or_malformed(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    with suppress(MalformedEvent):
        from_kafka(key, value, headers)


def test_the_brokers_time_stands_in_for_one_that_is_not_stated() -> None:
    attributes = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    body = json.dumps(attributes)
    structured = [("content-type", CLOUDEVENTS_JSON.encode())]
    read = [
        from_kafka(b"k", b"{}", headers, 7),
        from_kafka(b"k", body.encode(), structured, 7),
        from_mqtt5(b"{}", None, attributes.items(), 7),
        from_mqtt5(body.encode(), CLOUDEVENTS_JSON, [], 7),
        from_sns(body, 7),
    ]
    assert [event.time for event in read] == [7] * 5
    assert from_kafka(*to_kafka(EVENT), 7) == EVENT
    assert from_sns(to_sns(EVENT).body, 7) == EVENT


def test_an_event_without_data_is_no_tombstone() -> None:
    assert to_kafka(BARE).value == b""


def test_mqtt_properties_have_the_attributes_own_names() -> None:
    message = to_mqtt5(EVENT)
    assert message.payload == EVENT.data
    assert message.content_type == "application/json"
    assert dict(message.user_properties) == {
        "specversion": "1.0", "id": "e2", "source": "lineal:stage/index",
        "type": "document.indexed", "subject": "document:d1",
        "time": "2026-11-21T09:00:00.000001Z",
        "dataschema": "urn:lineal:schema:document.indexed:1", "partitionkey": "d1",
        "traceparent": EVENT.traceparent, "causationid": "e1", "correlationid": "document:d1",
    }  # fmt: skip


def test_an_event_that_takes_the_place_of_another_says_so_everywhere() -> None:
    event = EVENT._replace(supersedes="e0", actor="user:ann", mark="k:m")
    assert ("ce_supersedes", b"e0") in to_kafka(event).headers
    assert ("supersedes", "e0") in to_mqtt5(event).user_properties
    assert json.loads(to_sns(event).body)["supersedes"] == "e0"
    assert json.loads(to_sns(event).body)["actor"] == "user:ann"
    assert dict(to_kafka(event).headers)["ce_mark"] == b"k:m"


@pytest.mark.parametrize("subject", ["a\x00b", "x" * 65_536, "a\nb"])
def test_what_an_mqtt_string_cannot_hold_rides_in_structured_mode(subject: str) -> None:
    message = to_mqtt5(EVENT._replace(subject=subject))
    assert (message.content_type, message.user_properties) == (CLOUDEVENTS_JSON, [])
    assert from_mqtt5(*message).subject == subject


def test_sns_attributes_are_for_filter_policies() -> None:
    assert to_sns(EVENT).attributes == {
        "type": {"DataType": "String", "StringValue": "document.indexed"},
        "subject": {"DataType": "String", "StringValue": "document:d1"},
    }
    assert to_sns(BARE).attributes.keys() == {"type"}


def test_a_wrapped_notification_says_what_to_switch_on() -> None:
    with pytest.raises(MalformedEvent, match="RawMessageDelivery"):
        from_sns('{"Type":"Notification","TopicArn":"arn:x","Message":"{}"}')
