"""Events survive the JSON format whole, and garbage is called garbage."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_schemas.documents import DocumentArrived, DocumentIndexed
from lineal_schemas.envelope import (
    MalformedEvent,
    RawEvent,
    caused_event,
    decode,
    first_event,
    format_time,
    from_attributes,
    from_json,
    parse_time,
    schema_uri,
    schema_version,
)
from lineal_schemas.payload import Payload
from tests.schemas.raw_events import JSON_VALUES, RAW_EVENTS, TIMES

MINIMAL = {"specversion": "1.0", "id": "1", "source": "shell", "type": "x"}


def message(**fields: Any) -> bytes:
    return json.dumps({**MINIMAL, **fields}).encode()


@given(RAW_EVENTS)
def test_an_event_comes_back_as_it_went(event: RawEvent) -> None:
    back = from_json(event.to_json())
    assert back._replace(data=b"") == event._replace(data=b"")
    if back.data != event.data:  # JSON may be laid out anew, nothing else may change
        assert "json" in event.datacontenttype
        assert json.loads(back.data) == json.loads(event.data)


@given(RAW_EVENTS)
def test_the_json_format_is_json_to_a_strict_reader(event: RawEvent) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    fields = json.loads(event.to_json(), parse_constant=refuse)
    assert fields["specversion"] == "1.0"
    assert None not in {name: value for name, value in fields.items() if name != "data"}.values()


@given(st.binary() | st.text() | JSON_VALUES.map(json.dumps))
def test_garbage_is_malformed_and_nothing_else(garbage: bytes | str) -> None:
    with pytest.raises(MalformedEvent):
        from_json(garbage)


ATTRIBUTES = [*MINIMAL, "subject", "time", "datacontenttype", "dataschema", "partitionkey",
              "traceparent", "causationid", "correlationid", "supersedes", "actor", "mark", "data",
              "data_base64"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), JSON_VALUES | TIMES.map(format_time)))
def test_an_event_with_odd_attributes_is_read_or_malformed(fields: dict[str, Any]) -> None:
    try:
        event = from_json(json.dumps({**MINIMAL, **fields}))
    except MalformedEvent:
        return
    assert from_json(event.to_json()).id == event.id
    assert event.id
    assert event.source
    assert event.type
    assert event.partitionkey
    assert event.correlationid


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "specversion"),
        (message(specversion="0.3"), "specversion"),
        (message(id=""), "'id'"),
        (message(source=None), "'source'"),
        (message(type=7), "'type'"),
        (message(subject=7), "'subject'"),
        (message(time="yesterday"), "RFC 3339"),
        (message(time="0001-01-01T00:00:00+23:00"), "RFC 3339"),
        (message(data_base64="?"), "base64"),
        (message(data_base64=7), "base64"),
        (message(data=1, data_base64="MQ=="), "not both"),
        (b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":NaN}', "not JSON"),
    ],
)
def test_what_is_wrong_is_said(broken: bytes, said: str) -> None:
    with pytest.raises(MalformedEvent, match=said):
        from_json(broken)


def test_a_minimal_event_is_its_own_key_and_correlation_id() -> None:
    event = from_json(message())
    assert (event.partitionkey, event.correlationid) == ("1", "1")
    assert (event.subject, event.causationid, event.dataschema) == (None, None, None)
    assert event.datacontenttype == "application/json"


def test_an_event_without_data_stays_without() -> None:
    event = from_json(message())
    assert event.data == b""
    assert {"data", "data_base64"} & json.loads(event.to_json()).keys() == set()
    assert from_json(message(data=None)).data == b"null"


def test_text_is_kept_as_text_and_not_quoted() -> None:
    assert from_json(message(datacontenttype="text/plain", data="hi")).data == b"hi"
    assert from_json(message(datacontenttype="application/json", data="hi")).data == b'"hi"'
    assert from_json(message(datacontenttype="application/x+json", data="hi")).data == b'"hi"'


def test_binary_data_rides_as_base64() -> None:
    event = from_json(message(data_base64=base64.b64encode(b"\xff\x00").decode()))
    assert event.data == b"\xff\x00"
    assert json.loads(event.to_json())["data_base64"] == "/wA="


def test_data_of_any_json_media_type_rides_as_json() -> None:
    event = from_json(message(datacontenttype="application/vnd.x.reference+json", data={"a": 1}))
    assert json.loads(event.to_json())["data"] == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * 201 + b"]" * 201, id="as deep as parsers go, and deeper in a message"),
        pytest.param(b"1,2", id="more than one value"),
        pytest.param(b" ", id="no value"),
        pytest.param(b"1],[2", id="brackets that close what is around them"),
    ],
)
def test_data_that_cannot_be_a_value_of_the_message_comes_back_too(data: bytes) -> None:
    event = from_json(message())._replace(data=data)
    assert from_json(event.to_json()) == event
    assert from_json(event.to_json(exact=True)) == event


@pytest.mark.parametrize("data", [b'{"a": 1}', b"1.0e5", b'"\\u00e9"', b'{"a":1,"a":2}'])
def test_exact_means_to_the_byte(data: bytes) -> None:
    event = from_json(message())._replace(data=data)
    assert from_json(event.to_json(exact=True)) == event


def test_empty_attributes_count_as_absent() -> None:
    event = from_attributes({**MINIMAL, "subject": "", "dataschema": "", "causationid": ""}, b"")
    assert (event.subject, event.dataschema, event.causationid) == (None, None, None)


@given(TIMES)
def test_times_keep_their_microsecond(us: int) -> None:
    assert parse_time(format_time(us)) == us


@pytest.mark.parametrize(
    "text", ["2026-11-21T10:00:00+01:00", "2026-11-21T09:00:00Z", "2026-11-21T09:00:00.000000"]
)
def test_times_are_read_with_their_offset_and_as_utc_without(text: str) -> None:
    assert format_time(parse_time(text)) == "2026-11-21T09:00:00.000000Z"


@pytest.mark.parametrize(
    "dataschema",
    ["urn:lineal:schema:x", "https://example.org/x:1", "urn:lineal:schema:x:²", "x:1",
     "urn:lineal:schema:x:0", "urn:lineal:schema:x:-1", f"urn:lineal:schema:x:{'9' * 5000}"],
)  # fmt: skip
def test_a_foreign_dataschema_is_malformed(dataschema: str) -> None:
    with pytest.raises(MalformedEvent, match="dataschema"):
        schema_version(dataschema)


def test_dataschema_names_type_and_version() -> None:
    assert schema_uri("document.arrived", 3) == "urn:lineal:schema:document.arrived:3"
    assert schema_version("urn:lineal:schema:document.arrived:3") == 3
    assert schema_version(None) == 1


def indexed(pages: int = 2) -> DocumentIndexed:
    return DocumentIndexed(document_id="d1", pages=pages)


def test_a_dataschema_of_another_type_is_malformed() -> None:
    event = first_event(indexed(), id="1", source="test")
    with pytest.raises(MalformedEvent, match=r"document\.arrived"):
        decode(event._replace(dataschema=schema_uri("document.arrived", 1)))


@pytest.mark.parametrize("dataschema", ["https://example.org/indexed.json", "urn:x:y", "x:1"])
def test_a_schema_of_somebody_elses_is_kept_and_the_data_is_of_the_newest_version(
    dataschema: str,
) -> None:
    event = first_event(indexed(), id="1", source="test")._replace(dataschema=dataschema)
    assert decode(event).data == indexed()
    assert from_json(event.to_json()).dataschema == dataschema


def test_an_event_without_time_has_that_at_which_it_was_received() -> None:
    assert from_json(message(), 7).time == 7
    assert from_json(message(time="1970-01-01T00:00:00.000009Z"), 7).time == 9
    assert from_json(message()) == from_json(message()), "whenever it is read"


def test_an_event_keeps_the_correlation_id_of_its_cause() -> None:
    cause = first_event(indexed(), id="1", source="test", time=5)
    event = caused_event(indexed(3), cause, id="2", source="stage", traceparent="00-a-b-01", time=6)
    typed = decode(from_json(event.to_json()))
    assert typed.data == indexed(3)
    assert (typed.causationid, typed.correlationid) == ("1", "document:d1")
    assert (typed.partitionkey, typed.subject, typed.time) == ("d1", "document:d1", 6)
    assert typed.traceparent == "00-a-b-01"
    assert typed.type == "document.indexed"


class Storyless(Payload, type="test.storyless", version=1):
    """Belongs to whatever caused it."""


def test_a_payload_with_a_correlation_id_of_its_own_starts_it_and_others_keep_their_causes() -> (
    None
):
    cause = first_event(indexed(), id="1", source="test", time=5)._replace(partitionkey="k")
    kept = caused_event(Storyless(), cause, id="2", source="s", traceparent=None, time=6)
    assert (kept.partitionkey, kept.subject, kept.correlationid) == (
        "k", "document:d1", "document:d1",
    )  # fmt: skip
    other = DocumentIndexed(document_id="d2", pages=1)
    own = caused_event(other, cause, id="2", source="s", traceparent=None, time=6)
    assert (own.partitionkey, own.subject, own.correlationid) == (
        "d2", "document:d2", "document:d2",
    )  # fmt: skip


def test_equal_labels_have_equal_bytes_whatever_their_order() -> None:
    one, other = (
        first_event(
            DocumentArrived(name="a", source="file:///a", labels=labels), id="1", source="t", time=0
        )
        for labels in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    )
    assert one.data == other.data
    assert b'"labels":{"a":"1","b":"2"}' in one.data
