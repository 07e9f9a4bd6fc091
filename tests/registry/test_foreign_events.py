"""Events in a schema registry's wire format are read and written, and what fails says why."""

from __future__ import annotations

import asyncio
import contextlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import api_pb2
from hypothesis import given
from hypothesis import strategies as st

from lineal import Context, stage
from lineal.bus.kafka.messages import read_event
from lineal.bus.topic_names import dead_letter_topic
from lineal.bus.unreadable import UNREADABLE
from lineal.errors import WrongConfiguration
from lineal.library import open_bus
from lineal.registry.client import RegistryClient
from lineal.registry.codec import ForeignCodec
from lineal.registry.errors import (
    MalformedMessage,
    RegistryUnavailable,
    SchemaRejected,
    UnknownSchema,
)
from lineal.registry.settings import RegistrySettings
from lineal.registry.wire import frame, frame_indexes, read_indexes, split_frame
from lineal_schemas.foreign import Avro, JsonSchema, Protobuf
from lineal_schemas.payload import Payload
from tests.registry.stub_registry import StubRegistry

MONEY = {
    "type": "record", "name": "Money", "namespace": "shop",
    "fields": [{"name": "currency", "type": "string"},
               {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal",
                                           "precision": 9, "scale": 2}}],
}  # fmt: skip
ORDER = {
    "type": "record", "name": "Order", "namespace": "shop",
    "fields": [{"name": "id", "type": "string"}, {"name": "total", "type": "Money"}],
}  # fmt: skip
INVOICE = json.dumps(
    {"type": "record", "name": "Invoice", "fields": [{"name": "order", "type": "string"}]}
)
RECORDED = bytes.fromhex("0000000007066f2d31064555520404d2")
"""Order o-1 of 12.34 EUR under id 7: id and currency are strings of three characters, the amount is
bytes of two, by the Avro specification."""
ANSWERS: dict[str, tuple[int, Any]] = {
    "GET /schemas/ids/7": (200, {
        "schema": json.dumps(ORDER),
        "references": [{"name": "shop.Money", "subject": "money-value", "version": 1}],
    }),
    "GET /subjects/money-value/versions/1": (200, {"schema": json.dumps(MONEY)}),
    "POST /subjects/invoices-value/versions": (200, {"id": 9}),
    "POST /subjects/old-value/versions": (
        409, {"error_code": 409, "message": "Causes: order at /fields/0"}),
}  # fmt: skip


class Money(Payload):
    currency: str
    amount: Decimal


class Order(Payload, type="registry.orders", version=1, foreign=Avro("orders-value")):
    id: str
    total: Money


class Invoice(
    Payload, type="registry.invoices", version=1, foreign=Avro("invoices-value", INVOICE)
):
    order: str


@stage("registry.bill", version="1", produces=Invoice)
async def bill(order: Order, ctx: Context) -> Invoice:
    return Invoice(order=order.id)


def message(value: bytes, offset: int = 0) -> Any:
    return read_event("registry.orders", 0, offset, b"k", value, [], 1_000)


def codec_of(client: RegistryClient) -> ForeignCodec:
    return ForeignCodec(client)


async def test_recorded_bytes_are_read_with_referenced_schemas_asked_for_once() -> None:
    with StubRegistry(ANSWERS) as stub:
        async with RegistryClient(RegistrySettings(url=stub.url)) as client:
            codec = codec_of(client)
            orders = [await codec.decode(Order, Avro("x"), RECORDED) for _ in range(3)]
    assert orders[0] == Order(id="o-1", total=Money(currency="EUR", amount=Decimal("12.34")))
    assert stub.asked == ["GET /schemas/ids/7", "GET /subjects/money-value/versions/1"]


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (b"{}", MalformedMessage, "header"),
        (RECORDED[:-1], MalformedMessage, "Avro schema"),
        (RECORDED + b"\0", MalformedMessage, "bytes follow"),
        (frame(8, b""), UnknownSchema, "id 8"),
    ],
)
async def test_what_cannot_be_read_says_why(
    value: bytes, error: type[Exception], says: str
) -> None:
    with StubRegistry(ANSWERS) as stub:
        async with RegistryClient(RegistrySettings(url=stub.url)) as client:
            with pytest.raises(error, match=says):
                await codec_of(client).decode(Order, Avro("x"), value)


async def test_an_incompatible_schema_says_what_is() -> None:
    with StubRegistry(ANSWERS) as stub:
        async with RegistryClient(RegistrySettings(url=stub.url)) as client:
            with pytest.raises(SchemaRejected, match=r"old-value.*incompatible.*order at"):
                await codec_of(client).encode(Avro("old-value", INVOICE), Invoice(order="a"))


async def test_a_registry_that_is_away_is_an_outage() -> None:
    with StubRegistry({}) as gone:
        pass
    async with RegistryClient(RegistrySettings(url=gone.url)) as client:
        with pytest.raises(RegistryUnavailable, match="does not answer"):
            await codec_of(client).decode(Order, Avro("x"), RECORDED)


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=8), st.binary())
def test_indexes_come_back(indexes: list[int], data: bytes) -> None:
    assert read_indexes(frame_indexes(indexes, data)) == (indexes, data)


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (split_frame, read_indexes):
        with contextlib.suppress(MalformedMessage):
            read(data)


def test_indexes_are_those_that_confluent_writes() -> None:
    assert frame_indexes([0], b"x") == b"\0x"
    assert frame_indexes([1, 0], b"x") == b"\x04\x02\x00x"


class Mixin(Payload, type="registry.mixin", version=1):
    name: str
    root: str


class Named(Payload, type="registry.named", version=1):
    name: str


async def test_protobuf_and_json_go_there_and_back() -> None:
    answers: dict[str, tuple[int, Any]] = {
        "GET /subjects/p/versions/latest": (200, {"id": 3, "schema": "syntax"}),
        "GET /subjects/j/versions/latest": (200, {"id": 4, "schema": "{}"}),
    }
    protobuf, plain = Protobuf("p", api_pb2.Mixin), JsonSchema("j")
    with StubRegistry(answers) as stub:
        async with RegistryClient(RegistrySettings(url=stub.url)) as client:
            codec = codec_of(client)
            named = Named(name="ann")
            written = await codec.encode(plain, named)
            assert split_frame(written) == (4, b'{"name":"ann"}')
            assert await codec.decode(Named, plain, written) == named
            with pytest.raises(MalformedMessage, match="does not fit"):
                await codec.decode(Named, plain, frame(4, b"{}"))
            mixin = Mixin(name="a", root="b")
            sent = await codec.encode(protobuf, mixin)
            # The third message of its file: a count of one, and index two.
            assert sent == frame(3, b"\x02\x04" + b"\x0a\x01a\x12\x01b")
            assert await codec.decode(Mixin, protobuf, sent) == mixin
            with pytest.raises(MalformedMessage, match="number"):
                await codec.decode(Mixin, Protobuf("p", api_pb2.Method), sent)


def test_only_a_foreign_type_makes_events_of_foreign_messages() -> None:
    event = message(RECORDED, 5)
    assert (event.type, event.id, event.partitionkey) == (
        "registry.orders", "registry.orders/0/5", "k")  # fmt: skip
    assert read_event("registry.other", 0, 5, b"k", RECORDED, [], 0).type == UNREADABLE


def test_a_message_without_a_value_says_so_and_an_empty_one_has_no_header() -> None:
    deleted = read_event("registry.orders", 0, 5, b"k", None, [], 0)
    assert deleted.type == UNREADABLE and "tombstone" in (deleted.subject or "")
    assert message(b"", 6).type == "registry.orders"
    with pytest.raises(MalformedMessage, match="header"):
        split_frame(message(b"", 6).data)


async def test_a_stage_reads_one_and_writes_another_and_waits_through_an_outage(
    tmp_path: Path,
) -> None:
    with StubRegistry(ANSWERS) as stub:
        stub.away = True
        async with open_bus(
            data=tmp_path, registry=RegistrySettings(url=stub.url), log={"enabled": False},
            retry={"attempts": 2, "first_seconds": 0.05, "max_seconds": 0.1},
        ) as bus:  # fmt: skip
            broken = message(frame(8, b""), 1)
            await bus.runtime.bus.publish([("registry.orders", message(RECORDED))])
            async with bus.run(bill), asyncio.timeout(180):
                while len(stub.asked) < 5:  # more than there are attempts
                    await asyncio.sleep(0.02)
                stub.away = False
                invoice = await anext(bus.runtime.bus.read("registry.invoices", follow=True))
                await bus.runtime.bus.publish([("registry.orders", broken)])
                letters = bus.runtime.bus.read(dead_letter_topic(bill.name), follow=True)
                letter = json.loads((await anext(letters)).event.data)
    assert invoice.event.data == frame(9, b"\x06o-1")
    assert invoice.event.datacontenttype == "application/vnd.confluent.avro"
    assert letter["error_class"] == "UnknownSchema"
    assert "id 8" in letter["message"] and letter["attempts"] == 1


async def test_a_stage_of_foreign_events_needs_a_registry(tmp_path: Path) -> None:
    async with open_bus(data=tmp_path, log={"enabled": False}) as bus:
        with pytest.raises(WrongConfiguration, match=r"\[registry\]"):
            async with bus.run(bill):
                pass
