"""The official CloudEvents SDK reads our events and we read its events."""

from __future__ import annotations

from datetime import UTC, datetime

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from lineal_schemas.documents import DocumentArrived, DocumentIndexed
from lineal_schemas.envelope import caused_event, decode, first_event, from_json, parse_time
from lineal_schemas.objects import ObjectRef

CONTENT = ObjectRef(uri="object:x", sha256="ab" * 32, bytes=3, media_type="application/pdf")
ARRIVED = DocumentArrived(
    name="ä\n.pdf", source="file:///a.pdf", labels={"k": "v"}, content=CONTENT
)


def test_the_sdk_reads_our_events() -> None:
    cause = first_event(ARRIVED, id="e1", source="lineal/folder", time=1_764_000_000_123_456)
    ours = caused_event(
        DocumentIndexed(document_id=ARRIVED.document_id, pages=1),
        cause,
        id="e2",
        source="lineal/index",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        time=1_764_000_000_123_457,
    )
    first = JSONFormat().read(None, cause.to_json())
    assert first.get_data() == ARRIVED.model_dump(mode="json")
    read = JSONFormat().read(None, ours.to_json())
    assert (read.get_id(), read.get_source()) == ("e2", "lineal/index")
    assert read.get_type() == "document.indexed"
    assert read.get_subject() == f"document:{ARRIVED.document_id}"
    assert read.get_time() == datetime(2025, 11, 24, 16, 0, 0, 123457, UTC)
    assert read.get_dataschema() == "urn:lineal:schema:document.indexed:1"
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("partitionkey") == ARRIVED.document_id
    assert read.get_extension("causationid") == "e1"
    assert read.get_extension("correlationid") == f"document:{ARRIVED.document_id}"
    assert read.get_extension("traceparent") == ours.traceparent


def test_the_sdk_reads_our_binary_events() -> None:
    ours = first_event(ARRIVED, id="e1", source="t")._replace(
        data=b"%PDF\xff", datacontenttype="application/pdf", dataschema=None
    )
    assert JSONFormat().read(None, ours.to_json()).get_data() == b"%PDF\xff"


def test_we_read_events_the_sdk_made() -> None:
    made = CloudEvent(
        {
            "id": "e1",
            "source": "https://example.org/scanner",
            "type": "document.arrived",
            "time": datetime(2026, 11, 21, 9, 0, tzinfo=UTC),
            "dataschema": "urn:lineal:schema:document.arrived:1",
            "datacontenttype": "application/json",
            "subject": "a.pdf",
            "partitionkey": "k",
            "somebodyelses": "extension",
        },
        ARRIVED.model_dump(mode="json"),
    )
    event = decode(from_json(JSONFormat().write(made)))
    assert event.data == ARRIVED
    assert event.partitionkey == "k"
    assert event.time == parse_time("2026-11-21T09:00:00Z")


def test_we_read_the_sdks_text_and_binary_data() -> None:
    attributes = {"id": "1", "source": "s", "type": "t", "datacontenttype": "text/plain"}
    assert from_json(JSONFormat().write(CloudEvent(dict(attributes), "grüß dich"))).data == (
        "grüß dich".encode()
    )
    assert from_json(JSONFormat().write(CloudEvent(dict(attributes), b"\xff"))).data == b"\xff"
    assert from_json(JSONFormat().write(CloudEvent(dict(attributes)))).data == b""
