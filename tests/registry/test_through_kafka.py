"""Others' programs and ours on the same topics of a real broker, by a registry: a stand-in, and in
the long tests Apicurio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineal import Context, stage
from lineal.errors import LinealError
from lineal.library import EventBus, open_bus
from lineal.settings import Settings
from lineal_local.apicurio import Apicurio
from lineal_local.availability import Unavailable
from lineal_local.kafka import Kafka
from lineal_producers.http.application import application
from lineal_schemas.foreign import Avro
from lineal_schemas.payload import Payload
from tests.conformance.kafka import kafka_settings
from tests.producers.http.owner import as_owner
from tests.registry.confluent_program import ConfluentProgram
from tests.registry.registry_stand_in import RegistryStandIn

SALE: dict[str, Any] = {
    "type": "record", "name": "Sale", "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal",
                                   "precision": 9, "scale": 2}},
        {"name": "till", "type": ["null", "string"], "default": None},
    ],
}  # fmt: skip
RECEIPT = {
    "type": "record", "name": "Receipt",
    "fields": [{"name": "sale", "type": "string"}, {"name": "cents", "type": "long"}],
}  # fmt: skip


class Sale(
    Payload, type="shop.sales", version=1,
    foreign=Avro("shop.sales-value", json.dumps(SALE)),
):  # fmt: skip
    id: str
    total: Decimal

    def partition_key(self) -> str:
        return self.id


class Receipt(
    Payload, type="shop.receipts", version=1,
    foreign=Avro("shop.receipts-value", json.dumps(RECEIPT)),
):  # fmt: skip
    sale: str
    cents: int

    def partition_key(self) -> str:
        return self.sale


@stage("shop.print", version="1", produces=Receipt)
async def print_receipt(sale: Sale, ctx: Context) -> Receipt:
    return Receipt(sale=sale.id, cents=int(sale.total * 100))


@pytest.fixture(params=["stand-in", pytest.param("apicurio", marks=pytest.mark.long)])
def registry(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "stand-in":
        with RegistryStandIn() as stand_in:
            yield stand_in.url
        return
    server = Apicurio()
    try:
        server.start()
    except Unavailable as error:
        pytest.skip(f"not tried by a real registry: {error}")
    yield server.url
    server.stop()


@pytest.fixture
def settings(tmp_path: Path, kafka: Kafka, registry: str) -> Settings:
    given = kafka_settings(tmp_path, kafka.bootstrap)
    return given.model_copy(
        update={
            "registry": given.registry.model_copy(update={"url": registry}),
            "log": given.log.model_copy(update={"enabled": False}),
        }
    )


@pytest.fixture
def other(settings: Settings, kafka: Kafka, registry: str) -> OnPrefix:
    return OnPrefix(ConfluentProgram(kafka.bootstrap, registry), settings.kafka.prefix or "")


class OnPrefix:
    """Somebody else's program, with the topics that ours calls so."""

    def __init__(self, program: ConfluentProgram, prefix: str) -> None:
        self.program = program
        self._prefix = prefix

    async def sell(self, *records: dict[str, Any]) -> None:
        rows = [(record["id"], {"till": "7", **record}) for record in records]
        await self.program.write(f"{self._prefix}{Sale.type}", SALE, rows)

    async def read(self, topic: str, count: int) -> list[tuple[str, Any]]:
        async with asyncio.timeout(180):
            return await self.program.read(f"{self._prefix}{topic}", count)


SALES = [{"id": f"s-{number}", "total": Decimal(f"{number}.25")} for number in range(3)]


async def test_a_stage_between_two_programs_of_others(settings: Settings, other: OnPrefix) -> None:
    async with open_bus(settings) as bus:
        await bus.runtime.bus.create_topic(Sale.type)
        await other.sell(*SALES)
        async with bus.run(print_receipt) as running:
            receipts = await other.read(Receipt.type, 3)
            assert running.problems == []
    assert sorted(receipts) == [
        (f"s-{n}", {"sale": f"s-{n}", "cents": 100 * n + 25}) for n in range(3)
    ]


async def test_a_program_of_ours_is_given_theirs_and_answers_in_their_format(
    settings: Settings, other: OnPrefix
) -> None:
    async with open_bus(settings, source="till") as bus:
        await bus.runtime.bus.create_topic(Sale.type)
        await other.sell(SALES[1])
        async with bus.subscribe("cash", Sale, produces=[Receipt]) as sales, asyncio.timeout(180):
            sale = await anext(aiter(sales))
            assert sale.data == Sale(id="s-1", total=Decimal("1.25"))
            assert sale.event.source == f"kafka:{Sale.type}"
            await sale.ack(Receipt(sale="s-1", cents=125))
            # What it publishes itself is read by others and by ourselves.
            await bus.publish(Sale(id="s-9", total=Decimal("9.99")))
            again = await anext(aiter(sales))
            assert again.data == Sale(id="s-9", total=Decimal("9.99"))
            await again.ack()
        assert await other.read(Receipt.type, 1) == [("s-1", {"sale": "s-1", "cents": 125})]
        published = await other.read(Sale.type, 2)
        assert sorted(published)[1] == (
            "s-9", {"id": "s-9", "total": Decimal("9.99"), "till": None}
        )  # fmt: skip


async def sent(bus: EventBus, content: bytes, media_type: str, identifier: str) -> httpx.Response:
    """An event of a sale that is sent over HTTP."""
    headers = {
        "ce-id": identifier, "ce-specversion": "1.0", "ce-type": Sale.type, "ce-source": "/shop",
        "content-type": media_type,
    }  # fmt: skip
    transport = httpx.ASGITransport(application(bus.runtime))
    owner = as_owner(bus.runtime.settings.data)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=owner
    ) as client:
        return await client.post("/events", content=content, headers=headers)


async def test_what_comes_in_over_http_is_in_their_format_on_the_topic(
    settings: Settings, other: OnPrefix
) -> None:
    avro = "application/vnd.confluent.avro"
    row = {"id": "s-2", "total": Decimal("2.50"), "till": None}
    framed = other.program.bytes_of(f"{Sale.type}-value", SALE, row)
    async with open_bus(settings) as bus:
        answers = [
            await sent(bus, b'{"id": "s-1", "total": "1.25"}', "application/json", "one"),
            await sent(bus, framed, avro, "two"),
            await sent(bus, framed[:-1] + b"\x09", avro, "three"),
            await sent(bus, b'{"id": 7}', "application/json", "four"),
        ]
        sales = await other.read(Sale.type, 2)
        async with bus.subscribe("cash", Sale) as ours, asyncio.timeout(180):
            seen = []
            for _ in range(2):
                sale = await anext(aiter(ours))
                seen.append((sale.event.id, sale.data.total))
                await sale.ack()
    assert [answer.status_code for answer in answers] == [202, 202, 422, 422]
    assert "Avro schema" in answers[2].json()["error"]
    assert sorted(sales) == [
        ("s-1", {"id": "s-1", "total": Decimal("1.25"), "till": None}), ("s-2", row),
    ]  # fmt: skip
    assert sorted(seen) == [("one", Decimal("1.25")), ("two", Decimal("2.50"))]


async def test_while_the_registry_is_away_nothing_is_published_in_another_format(
    tmp_path: Path, kafka: Kafka
) -> None:
    with RegistryStandIn() as gone:
        pass
    given = kafka_settings(tmp_path, kafka.bootstrap)
    registry = given.registry.model_copy(update={"url": gone.url})
    for chosen in (given.model_copy(update={"registry": registry}), given):
        async with open_bus(chosen) as bus:
            with pytest.raises(LinealError, match="registry"):
                await bus.publish(Sale(id="s-1", total=Decimal("1.25")))
            answer = await sent(bus, b'{"id": "s", "total": "1"}', "application/json", "one")
            assert answer.status_code == 503
            assert "registry" in answer.json()["error"]
            assert Sale.type not in {topic.topic for topic in await bus.runtime.bus.topics()}
