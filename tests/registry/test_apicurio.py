"""The real thing: Apicurio Registry, by Confluent's REST API."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lineal.registry.client import RegistryClient
from lineal.registry.codec import ForeignCodec
from lineal.registry.errors import UnknownSchema
from lineal.registry.settings import RegistrySettings
from lineal.registry.wire import frame
from lineal_local.apicurio import Apicurio
from lineal_local.availability import Unavailable
from lineal_schemas.foreign import Avro, JsonSchema
from tests.registry.test_foreign_events import INVOICE, Invoice, Named

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def apicurio() -> Iterator[Apicurio]:
    server = Apicurio()
    try:
        server.start()
    except Unavailable as error:
        pytest.skip(f"schemas are not tried on a real registry: {error}")
    yield server
    server.stop()


async def test_schemas_are_registered_and_found_by_their_ids(apicurio: Apicurio) -> None:
    async with RegistryClient(RegistrySettings(url=apicurio.url)) as client:
        codec = ForeignCodec(client)
        avro = await codec.encode(Avro("invoices-value", INVOICE), Invoice(order="o-1"))
        schema = json.dumps({"type": "object", "properties": {"name": {"type": "string"}}})
        plain = await codec.encode(JsonSchema("names-value", schema), Named(name="ann"))
    async with RegistryClient(RegistrySettings(url=apicurio.url)) as client:
        codec = ForeignCodec(client)
        assert await codec.decode(Invoice, Avro("x"), avro) == Invoice(order="o-1")
        assert await codec.decode(Named, JsonSchema("x"), plain) == Named(name="ann")
        again = await codec.encode(Avro("invoices-value"), Invoice(order="o-1"))
        assert again == avro
        with pytest.raises(UnknownSchema):
            await codec.decode(Invoice, Avro("x"), frame(987, b""))
