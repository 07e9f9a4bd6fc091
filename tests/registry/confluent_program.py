"""A program of somebody else's, which knows Kafka, Avro and a registry, and nothing of ours.

It writes and reads as Confluent's serializers do: a zero byte, the schema's id in four bytes, big
end first, and the Avro record.
"""

from __future__ import annotations

import json
import struct
from io import BytesIO
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from fastavro import parse_schema, schemaless_reader, schemaless_writer

_HEADER = struct.Struct(">bI")


class ConfluentProgram:
    """Writes to topics and reads from them.

    Args:
        bootstrap: of the broker.
        registry: its URL.
    """

    def __init__(self, bootstrap: str, registry: str) -> None:
        self._bootstrap = bootstrap
        self._registry = httpx.Client(base_url=registry)

    def bytes_of(self, subject: str, schema: dict[str, Any], record: dict[str, Any]) -> bytes:
        """A record as it is sent; its schema is registered."""
        answer = self._registry.post(
            f"/subjects/{subject}/versions", json={"schema": json.dumps(schema)}
        )
        answer.raise_for_status()
        written = BytesIO()
        written.write(_HEADER.pack(0, answer.json()["id"]))
        schemaless_writer(written, parse_schema(schema), record)
        return written.getvalue()

    async def write(
        self, topic: str, schema: dict[str, Any], records: list[tuple[str, dict[str, Any]]]
    ) -> None:
        """Write records with their keys to a topic."""
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await producer.start()
        try:
            for key, record in records:
                value = self.bytes_of(f"{topic}-value", schema, record)
                await producer.send_and_wait(topic, value, key=key.encode())
        finally:
            await producer.stop()

    async def read(self, topic: str, count: int) -> list[tuple[str, Any]]:
        """The first records of a topic with their keys, each read by the schema it names."""
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=self._bootstrap, auto_offset_reset="earliest",
            isolation_level="read_committed",
        )  # fmt: skip
        await consumer.start()
        try:
            return [self._record(await consumer.getone()) for _ in range(count)]
        finally:
            await consumer.stop()

    def _record(self, message: Any) -> tuple[str, Any]:
        magic, number = _HEADER.unpack(message.value[: _HEADER.size])
        assert magic == 0
        answer = self._registry.get(f"/schemas/ids/{number}")
        answer.raise_for_status()
        schema = parse_schema(json.loads(answer.json()["schema"]))
        return message.key.decode(), schemaless_reader(
            BytesIO(message.value[_HEADER.size :]), schema, None
        )
