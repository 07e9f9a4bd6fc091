"""CloudEvents over HTTP: what others send arrives on the bus, or they are told why not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from structlog.testing import CapturingLogger

from lineal.access.tokens import create_token
from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE, check_out
from lineal.daemon import Daemon
from lineal.errors import UnknownTopic
from lineal.runtime import Runtime
from lineal.stages.discovery import installed_stages
from lineal.store.objects import reference
from lineal_consumers.register.stage import register
from lineal_producers.admission_policies import HTTP
from lineal_producers.http.application import application
from lineal_producers.http.serving import LoopbackServer, bind_loopback
from lineal_schemas.catalogue import lineal_payloads
from lineal_schemas.deployments import (
    DeploymentControl,
    DeploymentRequested,
    Ring,
    RolloutPlan,
)
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import RawEvent, now_us
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload, payload_bytes
from tests.producers.arrivals import until
from tests.producers.http.owner import as_owner

PARCEL = {"parcel_id": "p1", "kg": 2}
FORGED_BY = "alice (administrator)"


class Parcel(Payload, type="com.example.parcel", version=1):
    """A type of a user's own, which no stage makes."""

    parcel_id: str
    kg: int

    def partition_key(self) -> str:
        return self.parcel_id

    def correlation_key(self) -> str:
        return f"parcel:{self.parcel_id}"


STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


def event(**fields: Any) -> dict[str, Any]:
    minimal = {"specversion": "1.0", "id": "1", "source": "/s", "type": "com.example.parcel"}
    return {**minimal, "data": PARCEL, **fields}


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the real server: percent-encoding is a matter of the wire."""
    server = LoopbackServer(application(runtime), bind_loopback(0))
    await server.start()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", headers=as_owner(runtime.settings.data)
    ) as opened:
        yield opened
    await server.stop()


async def published(runtime: Runtime, topic: str) -> list[RawEvent]:
    try:
        return [delivery.event async for delivery in runtime.bus.read(topic)]
    except UnknownTopic:
        return []


@pytest.mark.parametrize("write", [http.to_binary_event, http.to_structured_event])
async def test_an_event_of_the_official_sdk_is_taken(
    client: httpx.AsyncClient, runtime: Runtime, write: Any
) -> None:
    attributes = {
        "id": "scan 1 €", "source": "https://example.org/scanner", "type": "com.example.parcel",
        "time": datetime(2026, 11, 21, 9, tzinfo=UTC), "subject": 'Ann\'s "läb" 100%',
        "datacontenttype": "application/json", "partitionkey": "own key",
        "dataschema": "urn:lineal:schema:com.example.parcel:1",
    }  # fmt: skip
    message = write(CloudEvent(attributes, PARCEL))
    answer = await client.post("/events", headers=message.headers, content=message.body)
    assert answer.status_code == 202, answer.text
    (arrived,) = await published(runtime, "com.example.parcel")
    assert (arrived.id, arrived.source) == ("scan 1 €", "https://example.org/scanner")
    assert (arrived.subject, arrived.partitionkey) == ('Ann\'s "läb" 100%', "own key")
    assert arrived.time == int(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp()) * 1_000_000
    assert json.loads(arrived.data) == PARCEL
    (told,) = answer.json()
    assert (told["id"], told["topic"]) == ("scan 1 €", "com.example.parcel")
    assert isinstance(told["partition"], int)
    assert isinstance(told["offset"], int)


async def test_a_stage_handles_what_was_posted(client: httpx.AsyncClient, runtime: Runtime) -> None:
    answer = await client.post("/documents?name=a.txt", content=b"text")
    (first,) = await published(runtime, "document.arrived")
    arrived = DocumentArrived.model_validate_json(first.data)
    assert isinstance(arrived.content, ObjectRef)
    again = arrived.model_copy(update={"name": "b.txt", "source": "x:b"})
    sent = event(type="document.arrived", id="b", data=again.model_dump(mode="json"))
    answer = await client.post("/events", headers=STRUCTURED, json=sent)
    assert answer.status_code == 202, answer.text
    daemon = Daemon(runtime, [register])
    await daemon.start()

    async def both_arrived() -> bool:
        (document,) = (await client.get("/documents")).json() or [{"arrivals": 0}]
        return bool(document["arrivals"] == 2)

    await until(both_arrived)
    await daemon.stop()


async def test_an_arrival_names_no_stored_object_that_its_sender_may_not_read(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    """Stages would read it, and what they make of it may go where the sender looks."""
    await client.post("/documents?name=secret.txt", content=b"somebody else's")
    (first,) = await published(runtime, "document.arrived")
    stolen = DocumentArrived.model_validate_json(first.data).model_copy(update={"owner": "mallory"})
    sent = event(type="document.arrived", id="b", data=stolen.model_dump(mode="json"))
    _, secret = await runtime.store.write(
        lambda c: create_token(
            c, "scanner", frozenset(("publish",)), user=None, types=None, expires=None, now=now_us()
        )
    )
    as_scanner = {**STRUCTURED, "authorization": f"Bearer {secret}"}
    answer = await client.post("/events", headers=as_scanner, json=sent)
    assert answer.status_code == 403
    assert "POST /documents" in answer.text
    assert len(await published(runtime, "document.arrived")) == 1
    missing = stolen.model_copy(update={"content": None, "problem": "gone", "owner": None})
    sent["data"] = missing.model_dump(mode="json")
    answer = await client.post("/events", headers=as_scanner, json=sent)
    assert answer.status_code == 202, answer.text


async def test_key_correlation_id_and_trace_are_filled_in_where_they_are_left_out(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    headers = {
        "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "com.example.parcel",
        "content-type": "application/json; charset=utf-8",
    }  # fmt: skip
    answer = await client.post("/events", headers=headers, content=json.dumps(PARCEL))
    assert answer.status_code == 202, answer.text
    (arrived,) = await published(runtime, "com.example.parcel")
    assert arrived.partitionkey == "p1"
    assert arrived.subject == arrived.correlationid == "parcel:p1"
    assert arrived.traceparent is not None
    assert arrived.datacontenttype == "application/json; charset=utf-8"


async def test_events_without_time_have_that_at_which_they_came(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    before = now_us()
    await client.post("/events", headers=STRUCTURED, json=event())
    headers = {f"ce-{n}": event(id="2")[n] for n in ("specversion", "id", "source", "type")}
    await client.post("/events", headers=headers, json=PARCEL)
    await client.post("/events", headers=BATCH, json=[event(id="3")])
    after = now_us()
    times = [arrived.time for arrived in await published(runtime, "com.example.parcel")]
    assert len(times) == 3
    assert all(before <= time <= after for time in times)


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"]
)
async def test_any_media_type_of_json_is_taken_and_kept(
    client: httpx.AsyncClient, runtime: Runtime, media_type: str
) -> None:
    sent = event(datacontenttype=media_type, dataschema="https://example.org/parcel.json")
    answer = await client.post("/events", headers=STRUCTURED, json=sent)
    assert answer.status_code == 202, answer.text
    (arrived,) = await published(runtime, "com.example.parcel")
    assert (arrived.datacontenttype, arrived.dataschema) == (media_type, sent["dataschema"])
    assert arrived.partitionkey == "p1"


async def test_a_batch_is_taken_in_order(client: httpx.AsyncClient, runtime: Runtime) -> None:
    sent = [event(id=str(number), partitionkey="k") for number in range(700)]
    answer = await client.post("/events", headers=BATCH, json=sent)
    assert answer.status_code == 202, answer.text
    ids = [str(number) for number in range(700)]
    assert [told["id"] for told in answer.json()] == ids
    assert [arrived.id for arrived in await published(runtime, "com.example.parcel")] == ids
    nothing = await client.post("/events", headers=BATCH, json=[])
    assert (nothing.status_code, nothing.json()) == (202, [])


async def test_events_are_taken_again_on_purpose_under_other_ids(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    sent = event(id="1")
    answers = [
        await client.post("/events", params=again, headers=STRUCTURED, json=sent)
        for again in ({}, {"again": "x"}, {"again": "x"})
    ]
    first, second, third = (answer.json()[0]["id"] for answer in answers)
    assert first == "1"
    assert second == third != first
    assert [arrived.id for arrived in await published(runtime, "com.example.parcel")] == [
        first, second, third,
    ]  # fmt: skip


async def test_of_a_batch_with_a_wrong_event_none_is_taken(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    wrong = event(id="second", data={"parcel_id": "p1"})
    answer = await client.post("/events", headers=BATCH, json=[event(), wrong, event(id="3")])
    assert answer.status_code == 422
    assert "nothing was published: event 2 of 3 (second): " in answer.json()["error"]
    assert "kg" in answer.json()["error"]
    assert await published(runtime, "com.example.parcel") == []


async def test_large_data_goes_to_the_object_store(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    await runtime.bus.create_topic("essays")
    text = "wind " * 40_000
    answer = await client.post("/events", headers=STRUCTURED, json=event(type="essays", data=text))
    assert answer.status_code == 202, answer.text
    (arrived,) = await published(runtime, "essays")
    assert arrived.datacontenttype == REFERENCE_MEDIA_TYPE
    assert json.loads((await check_out(arrived, runtime.objects)).data) == text


async def test_a_type_of_ones_own_needs_its_topic(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    own = event(
        type="com.example.weighed", dataschema="https://example.com/weighed", data={"kg": 1}
    )
    rejected = await client.post("/events", headers=STRUCTURED, json=own)
    assert rejected.status_code == 422
    assert "lineal topics create com.example.weighed" in rejected.json()["error"]
    assert await published(runtime, "com.example.weighed") == []
    await runtime.bus.create_topic("com.example.weighed")
    assert (await client.post("/events", headers=STRUCTURED, json=own)).status_code == 202
    (arrived,) = await published(runtime, "com.example.weighed")
    assert (json.loads(arrived.data), arrived.partitionkey) == ({"kg": 1}, "1")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"data": {"parcel_id": 5}}, "parcel_id"),
        ({"data": None}, "does not fit com.example.parcel"),
        ({"dataschema": "urn:lineal:schema:com.example.parcel:99"}, "newer than"),
        ({"dataschema": "urn:lineal:schema:document.arrived:1"}, "not one of type"),
        ({"datacontenttype": "text/plain", "data": "x"}, "text/plain"),
        ({"datacontenttype": "application/json; charset=latin1"}, "not in latin1"),
        ({"type": "a b"}, "letters, digits"),
        ({"type": "x", "datacontenttype": f"{REFERENCE_MEDIA_TYPE}; a=b"}, "send the data"),
        ({"type": "x", "datacontenttype": REFERENCE_MEDIA_TYPE.upper()}, "send the data"),
    ],
)
async def test_events_that_may_not_be_taken(
    client: httpx.AsyncClient, runtime: Runtime, fields: dict[str, Any], word: str
) -> None:
    answer = await client.post("/events", headers=STRUCTURED, json=event(**fields))
    assert (answer.status_code, word in answer.json()["error"]) == (422, True), answer.text
    assert answer.json()["problems"]
    assert await published(runtime, "com.example.parcel") == []


ROLLOUT = DeploymentRequested(
    rollout_id="r1",
    model=ModelRef(name="turbine", version=9, sha256="0" * 64),
    artifact=reference("0" * 64, 1, "application/onnx"),
    counter=2147483647,
    plan=RolloutPlan(rings=(Ring(name="all", devices=("a",)),)),
    by=FORGED_BY,
    requested_us=1,
)
ABORT = DeploymentControl(rollout_id="r1", action="abort", by=FORGED_BY, requested_us=1)
FORGERIES = [
    (ROLLOUT.type, payload_bytes(ROLLOUT), "made by stage"),
    (ABORT.type, payload_bytes(ABORT), "lineal deploy"),
    ("document.text_extracted", b'{"document_id": "of a victim"}', "made by stage ocr.gather"),
    ("model.promoted", b"{}", "lineal model"),
    ("telemetry.readings", b"{}", "MQTT"),
    ("deployment.step_due", b"{}", "lineal deploy"),
    ("lineal.dead_letter", b"{}", "made by lineal itself"),
    ("lineal.lineage", b"{}", "made by lineal itself"),
    ("dead.nlp", b"{}", "made by lineal itself"),
    ("redrive.nlp", b"{}", "made by lineal itself"),
]


@pytest.mark.parametrize("mode", ["binary", "structured", "batch"])
@pytest.mark.parametrize(("type", "data", "word"), FORGERIES)
async def test_what_lineal_makes_itself_cannot_be_forged(
    client: httpx.AsyncClient,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    type: str,
    data: bytes,
    word: str,
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr("lineal_producers.http.events.log", log)
    forged = event(type=type, data=json.loads(data))
    if mode == "binary":
        headers = {f"ce-{name}": forged[name] for name in ("specversion", "id", "source")}
        headers |= {"ce-type": type, "content-type": "application/json"}
        answer = await client.post("/events", headers=headers, content=data)
    elif mode == "structured":
        answer = await client.post("/events", headers=STRUCTURED, json=forged)
    else:
        answer = await client.post("/events", headers=BATCH, json=[event(id="good"), forged])
    assert (answer.status_code, word in answer.json()["error"]) == (403, True), answer.text
    assert await published(runtime, type) == []
    assert await published(runtime, "com.example.parcel") == []
    ((_, (told,), line),) = log.calls
    assert (told, line["ingress"], line["type"], line["id"]) == (
        "admission.refused",
        "http",
        type,
        "1",
    )
    assert FORGED_BY not in str(line)


async def test_no_type_that_a_stage_makes_comes_in_over_http(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    made = {payload.type for stage in installed_stages().values() for payload in stage.produces}
    assert len(made) > 10
    assert made & HTTP.types == {DocumentArrived.type}  # attachments arrive too
    offences = []
    for number, type in enumerate(sorted({*made, *lineal_payloads()} - HTTP.types)):
        sent = event(type=type, id=str(number))
        answer = await client.post("/events", headers=STRUCTURED, json=sent)
        if answer.status_code != 403:
            offences.append((type, answer.status_code))
    assert offences == []


async def test_nobody_speaks_for_a_stage(client: httpx.AsyncClient, runtime: Runtime) -> None:
    sent = event(source="lineal:stage/ocr")
    answer = await client.post("/events", headers=STRUCTURED, json=sent)
    assert (answer.status_code, await published(runtime, sent["type"])) == (403, [])


@pytest.mark.parametrize(
    ("headers", "body", "status", "word"),
    [
        ({}, b"{}", 400, "ce-* headers"),
        (STRUCTURED, b"no json", 400, "not JSON"),
        (STRUCTURED, b'{"specversion":"1.0","source":"s","type":"t"}', 400, "'id'"),
        (STRUCTURED | {"content-encoding": "gzip"}, b"{}", 415, "content-encoding"),
        ({"content-type": "application/cloudevents+xml"}, b"<a/>", 415, "cloudevents-batch+json"),
        (STRUCTURED, b" " * 2_000_000, 413, "POST /documents"),
        (BATCH, b"[" + b",".join([json.dumps(event()).encode()] * 10_001) + b"]", 413, ""),
        (STRUCTURED | {"origin": "https://evil.example"}, b"{}", 403, "refused"),
    ],
)
async def test_requests_that_are_wrong(
    client: httpx.AsyncClient,
    runtime: Runtime,
    headers: dict[str, str],
    body: bytes,
    status: int,
    word: str,
) -> None:
    answer = await client.post("/events", headers=headers, content=body)
    assert (answer.status_code, word in answer.json()["error"]) == (status, True), answer.text
    assert await published(runtime, "com.example.parcel") == []


async def test_a_header_that_is_there_twice_is_refused(client: httpx.AsyncClient) -> None:
    headers = [
        ("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-id", "2"), ("ce-source", "s"),
        ("ce-type", "com.example.parcel"),
    ]  # fmt: skip
    answer = await client.post("/events", headers=headers, json=PARCEL)
    assert (answer.status_code, "ce-id" in answer.json()["error"]) == (400, True)


async def test_only_posts_are_taken(client: httpx.AsyncClient) -> None:
    assert (await client.get("/events")).status_code == 405
