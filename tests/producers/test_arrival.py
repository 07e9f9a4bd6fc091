"""Taking bytes in: durable, announced under ids that a retry repeats."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.runtime import Runtime
from lineal_producers.arrival import ArrivalSource, announce, readable_name, store
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.payload import payload_bytes
from tests.producers.arrivals import arrived, content

ORIGIN = ArrivalSource(
    name="a.txt", source="file:///in/a.txt", occurrence="1", owner="ann", actor="user:ann"
)


async def test_the_bytes_can_be_had_through_the_event(runtime: Runtime) -> None:
    ref = await store(runtime, io.BytesIO(b"some bytes"))
    await announce(runtime, ORIGIN, content=ref)
    (arrival,) = await arrived(runtime)
    assert await content(runtime, arrival) == b"some bytes"
    assert arrival.data.owner == "ann"
    assert ref.media_type == "application/octet-stream"


async def test_announcing_again_repeats_the_id_and_another_occurrence_does_not(
    runtime: Runtime,
) -> None:
    ref = await store(runtime, io.BytesIO(b"some bytes"))
    first = await announce(runtime, ORIGIN, content=ref)
    again = await announce(runtime, ORIGIN, content=ref)
    later = ArrivalSource(name="a.txt", source="file:///in/a.txt", occurrence="2", actor="user:ann")
    other = await announce(runtime, later, content=ref)
    assert first == again
    assert other.event_id != first.event_id
    assert other.document_id == first.document_id


async def test_a_problem_takes_the_place_of_content(runtime: Runtime) -> None:
    await announce(runtime, ORIGIN, problem="the file cannot be read")
    (arrival,) = await arrived(runtime)
    assert (arrival.data.content, arrival.data.problem) == (None, "the file cannot be read")
    with pytest.raises(ValueError, match="either"):
        await announce(runtime, ORIGIN)


async def test_all_events_of_an_arrival_share_a_trace(runtime: Runtime) -> None:
    ref = await store(runtime, io.BytesIO(b"x"))
    await announce(runtime, ORIGIN, content=ref)
    events = [delivery.event async for delivery in runtime.bus.read("document.arrived")]
    assert events[0].traceparent is not None
    assert events[0].traceparent.startswith("00-")


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name and b"/" not in name))
def test_any_file_name_survives_as_text_and_as_uri(name: bytes) -> None:
    path = Path("/in") / os.fsdecode(name)
    shown = readable_name(os.fsdecode(name))
    payload = DocumentArrived(name=shown, source=path.as_uri(), problem="p")
    assert DocumentArrived.model_validate_json(payload_bytes(payload)) == payload
    assert payload.source.isascii()


def test_bytes_that_are_not_utf8_are_shown_as_escapes() -> None:
    assert readable_name(os.fsdecode(b"caf\xe9.txt")) == "caf\\xe9.txt"
    assert readable_name("café\n.txt") == "café\n.txt"
