"""Publishing: what is handed in while one request is on its way goes together with the next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import TopicPartition

from lineal.bus.kafka import errors
from lineal.bus.kafka.batches import Batches, Producer, send_round
from lineal.bus.kafka.connection import Connection
from lineal.bus.kafka.errors import TryAgain
from lineal.bus.kafka.messages import add_events
from lineal.bus.kafka.requests import INIT_PRODUCER_ID
from lineal.bus.kafka.topics import Topics
from lineal.bus.protocol import BusUnavailable, Position
from lineal_schemas.envelope import RawEvent

_WAVE_BYTES = 8 * 1024 * 1024
_EVENT_BYTES = 512
"""About what an event needs beside its data."""


class _Handed(NamedTuple):
    events: Sequence[tuple[str, RawEvent]]
    bytes: int
    done: asyncio.Future[list[Position]]


class Publisher:
    """An idempotent producer: messages are sent again until they are stored, and stored once.

    One wave of messages is on its way at a time, so order is kept; under load waves grow.

    Args:
        seconds: after this long without success :meth:`publish` gives up. The events may be stored
            all the same, if what was lost was the answer.
    """

    def __init__(self, connection: Connection, topics: Topics, seconds: float = 30.0) -> None:
        self._connection = connection
        self._topics = topics
        self._seconds = seconds
        self._producer: Producer | None = None
        self._sequences: dict[TopicPartition, int] = {}
        self._waiting: list[_Handed] = []
        self._waiting_bytes = 0
        self._room = asyncio.Condition()
        self._sending: asyncio.Task[None] | None = None

    async def publish(self, events: Sequence[tuple[str, RawEvent]]) -> list[Position]:
        """See :meth:`lineal.bus.protocol.Bus.publish`; topics must exist.

        Raises:
            BusUnavailable
            CannotStore: the broker refuses the events for what they are.
        """
        positions: list[Position] = []
        part: list[tuple[str, RawEvent]] = []
        size = 0
        for topic, event in events:
            part.append((topic, event))
            size += len(event.data) + _EVENT_BYTES
            if size >= _WAVE_BYTES:
                positions += await self._publish_part(part, size)
                part, size = [], 0
        if part:
            positions += await self._publish_part(part, size)
        return positions

    async def close(self) -> None:
        """Wait for what was handed in."""
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _publish_part(
        self, events: Sequence[tuple[str, RawEvent]], size: int
    ) -> list[Position]:
        async with self._room:
            # Memory is bounded: who publishes faster than brokers store waits here.
            await self._room.wait_for(lambda: self._waiting_bytes < _WAVE_BYTES)
            done: asyncio.Future[list[Position]] = asyncio.get_running_loop().create_future()
            self._waiting.append(_Handed(events, size, done))
            self._waiting_bytes += size
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await done

    async def _send(self) -> None:
        while self._waiting:
            wave, size = [], 0
            while self._waiting and size < _WAVE_BYTES:
                wave.append(self._waiting.pop(0))
                size += wave[-1].bytes
            try:
                await self._send_wave(wave)
            except BaseException as error:
                self._producer = None
                told = error if isinstance(error, Exception) else BusUnavailable("closing")
                for handed in wave:
                    if not handed.done.done():
                        handed.done.set_exception(told)
                if not isinstance(error, Exception):
                    raise
            async with self._room:
                self._waiting_bytes -= size
                self._room.notify_all()

    async def _send_wave(self, wave: Sequence[_Handed]) -> None:
        if self._producer is None:
            self._producer = await self._connection.persist(self._begin, self._seconds)
            self._sequences = {}
        batches = Batches(transactional=False)
        places = [add_events(batches, self._topics, handed.events) for handed in wave]
        bases = [
            await send_round(self._connection, part, None, seconds=self._seconds, lane="publish")
            for part in batches.sealed(self._producer, self._sequences)
        ]
        for handed, stored in zip(wave, places, strict=True):
            positions = [
                Position(topic, place.partition, bases[batch][place] + number)
                for (topic, _), (place, batch, number) in zip(handed.events, stored, strict=True)
            ]
            if not handed.done.done():
                handed.done.set_result(positions)

    async def _begin(self) -> Producer:
        _, code, producer_id, epoch = await self._connection.ask_any(INIT_PRODUCER_ID(None, 0))
        if code in errors.MOVED:
            raise TryAgain("Kafka gives out no producer ids at the moment")
        errors.check(code, "beginning to publish")
        return Producer(producer_id, epoch)
