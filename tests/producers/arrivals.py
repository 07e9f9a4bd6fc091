"""Looking at what producers have put on the bus, and waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from lineal.errors import UnknownTopic
from lineal.runtime import Runtime
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import decode

_PATIENCE_SECONDS = 180.0


class Arrived(NamedTuple):
    event_id: str
    data: DocumentArrived

    @property
    def name(self) -> str:
        return self.data.name


async def arrived(runtime: Runtime) -> list[Arrived]:
    """Every arrival on the bus, oldest first."""
    found = []
    try:
        async for delivery in runtime.bus.read("document.arrived"):
            data = decode(delivery.event).data
            assert isinstance(data, DocumentArrived)
            found.append(Arrived(delivery.event.id, data))
    except UnknownTopic:
        return []
    return found


async def names(runtime: Runtime) -> list[str]:
    return [arrival.name for arrival in await arrived(runtime)]


async def content(runtime: Runtime, arrival: Arrived) -> bytes:
    assert arrival.data.content is not None
    return (await runtime.objects.path(arrival.data.content)).read_bytes()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds; patience is for busy machines only."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.02)


async def until_named(runtime: Runtime, *wanted: str) -> None:
    """Wait until exactly files of these names have arrived."""

    async def there() -> bool:
        return len(await arrived(runtime)) >= len(wanted)

    await until(there)
    assert sorted(await names(runtime)) == sorted(wanted)
