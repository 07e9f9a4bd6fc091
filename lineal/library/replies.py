"""Waits for the events that a request has caused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import structlog

from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Selection
from lineal.errors import LinealError
from lineal.registry.events import decode_foreign
from lineal.runtime import Runtime
from lineal_schemas.envelope import RawEvent, decode_payload
from lineal_schemas.payload import Payload

P = TypeVar("P", bound=Payload)

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 1.0


class NoReply(LinealError, TimeoutError):
    """Nothing has answered a request in time."""


class Replies:
    """Reads the topics of replies, each once for all requests, from the first request on."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: dict[tuple[str, str], asyncio.Future[RawEvent]] = {}
        """By the type of the reply and the id of the request."""
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def expect(
        self, request_id: str, reply: type[P]
    ) -> AsyncIterator[Callable[[float], Awaitable[P]]]:
        """Begin to look for the reply of a request that is published then. Gives a function that
        waits for it, at most so many seconds."""
        await self._read(reply.type)
        key = reply.type, request_id
        found = self._waiting[key] = asyncio.get_running_loop().create_future()

        async def wait(seconds: float) -> P:
            try:
                async with asyncio.timeout(seconds):
                    event = await found
            except TimeoutError:
                raise NoReply(
                    f"no {reply.type} came within {seconds:g} s: does a stage run that makes it? "
                    f"`lineal lineage` of its subject shows what became of event {request_id}"
                ) from None
            event = await check_out(event, self._runtime.objects)
            foreign = await decode_foreign(self._runtime.codec, event)
            return cast(P, decode_payload(event) if foreign is None else foreign)

        try:
            yield wait
        finally:
            del self._waiting[key]

    async def _read(self, topic: str) -> None:
        if topic not in self._reading:
            await self._runtime.bus.create_topic(topic)
            self._begun[topic] = asyncio.Event()
            self._reading[topic] = asyncio.create_task(self._follow(topic), name=f"replies {topic}")
        begun = asyncio.create_task(self._begun[topic].wait())
        done, _ = await asyncio.wait(
            {begun, self._reading[topic]}, return_when=asyncio.FIRST_COMPLETED
        )
        if begun not in done:
            begun.cancel()
            self._reading.pop(topic).result()

    async def _follow(self, topic: str) -> None:
        begun, bus = self._begun[topic], self._runtime.bus
        while True:
            try:
                async for delivery in bus.read(
                    topic, Selection(from_now=True), follow=True, begun=begun.set
                ):
                    event = delivery.event
                    future = self._waiting.get((topic, event.causationid or ""))
                    if future is not None and not future.done():
                        future.set_result(event)
            except LinealError as error:
                if not begun.is_set():
                    raise
                # Replies of meanwhile are missed: their requests end without.
                log.warning("replies.not_read", topic=topic, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)
        self._reading.clear()
