"""An idempotent producer (KIP-98): what is sent while one request is in flight joins the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiokafka import TopicPartition

from lineal.kafka_client import errors
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import KafkaUnavailable, RetriableError
from lineal.kafka_client.record_batches import BatchPosition, ProducerId, RecordBatches, produce
from lineal.kafka_client.requests import INIT_PRODUCER_ID

MAX_SEND_BYTES = 8 * 1024 * 1024
"""Of what is sent at once, and of what may wait."""

Append = Callable[[RecordBatches], Sequence[BatchPosition]]
"""Appends records and returns their positions."""


class _Waiting(NamedTuple):
    append: Append
    bytes: int
    done: asyncio.Future[list[tuple[TopicPartition, int]]]


class IdempotentProducer:
    """Records are sent again until they are stored, and stored once.

    One round of records is in flight at a time, so order is kept; under load rounds grow.

    Args:
        seconds: after this long without success :meth:`send` fails. The records may be stored all
            the same, if only the response was lost.
    """

    def __init__(self, connection: Connection, seconds: float = 30.0) -> None:
        self._connection = connection
        self._seconds = seconds
        self._producer: ProducerId | None = None
        self._sequences: dict[TopicPartition, int] = {}
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._room = asyncio.Condition()
        self._sending: asyncio.Task[None] | None = None

    async def send(self, append: Append, size: int) -> list[tuple[TopicPartition, int]]:
        """Partition and offset of each record, when all replicas in sync have it.

        Args:
            append: called when the records are sent.
            size: about how many bytes it appends, at most :data:`MAX_SEND_BYTES`.

        Raises:
            RecordsRejected: the broker refuses the records.
            KafkaUnavailable
        """
        async with self._room:
            # Memory is bounded: whoever sends faster than brokers store waits here.
            await self._room.wait_for(lambda: self._waiting_bytes < MAX_SEND_BYTES)
            done: asyncio.Future[list[tuple[TopicPartition, int]]]
            done = asyncio.get_running_loop().create_future()
            self._waiting.append(_Waiting(append, size, done))
            self._waiting_bytes += size
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_waiting())
        return await done

    async def close(self) -> None:
        """Wait until what was given to :meth:`send` is stored, or has failed."""
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send_waiting(self) -> None:
        while self._waiting:
            together, size = [], 0
            while self._waiting and size < MAX_SEND_BYTES:
                together.append(self._waiting.pop(0))
                size += together[-1].bytes
            try:
                await self._send_together(together)
            except BaseException as error:
                self._producer = None
                raised = error if isinstance(error, Exception) else KafkaUnavailable("closing")
                for item in together:
                    if not item.done.done():
                        item.done.set_exception(raised)
                if not isinstance(error, Exception):
                    raise
            async with self._room:
                self._waiting_bytes -= size
                self._room.notify_all()

    async def _send_together(self, together: Sequence[_Waiting]) -> None:
        if self._producer is None:
            self._producer = await self._connection.retry(self._init_producer_id, self._seconds)
            self._sequences = {}
        batches = RecordBatches(transactional=False)
        appended = [item.append(batches) for item in together]
        base_offsets = [
            await produce(self._connection, part, None, seconds=self._seconds, lane="produce")
            for part in batches.encode(self._producer, self._sequences)
        ]
        for item, positions in zip(together, appended, strict=True):
            if not item.done.done():
                item.done.set_result([
                    (topic_partition, base_offsets[batch][topic_partition] + number)
                    for topic_partition, batch, number in positions
                ])  # fmt: skip

    async def _init_producer_id(self) -> ProducerId:
        _, code, producer_id, epoch = await self._connection.send_to_any(INIT_PRODUCER_ID(None, 0))
        if code in errors.COORDINATOR_MOVED:
            raise RetriableError("Kafka gives no producer ids at the moment")
        errors.check(code, "getting a producer id")
        return ProducerId(producer_id, epoch)
