"""Three regions on one machine, each a data folder with a bus and a ledger of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from lineal.bus.claim_check import check_in
from lineal.errors import UnknownTopic
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_schemas.envelope import RawEvent

REGIONS = ("rome", "oslo", "bonn")
TOPIC = "order.placed"


def settings_of(tmp_path: Path, here: str = "rome", **links: Any) -> Settings:
    """The settings of a region, which knows the two others."""
    others = {name: {"data": tmp_path / name} for name in REGIONS if name != here}
    given: Any = {"regions": {"here": here, "buses": others, "links": links}}
    return Settings(data=tmp_path / here, durability="normal", **given)


@asynccontextmanager
async def open_regions(tmp_path: Path, **links: Any) -> AsyncIterator[dict[str, Runtime]]:
    """All three, each with the same links."""
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(
                open_runtime(settings_of(tmp_path, name, **links))
            )
            for name in REGIONS
        }


def order(number: int, data: bytes | None = None, **changes: Any) -> RawEvent:
    """An order, which nothing has caused."""
    event = RawEvent(
        id=f"order-{number}",
        source="shop",
        type=TOPIC,
        subject=None,
        time=1_700_000_000_000_000 + number,
        datacontenttype="application/json",
        dataschema=None,
        partitionkey=f"customer-{number % 3}",
        traceparent=None,
        causationid=None,
        correlationid=f"order:{number}",
        data=b'{"number": %d}' % number if data is None else data,
        actor="user:ann",
    )
    return event._replace(**changes)


async def place(runtime: Runtime, *events: RawEvent) -> None:
    """Publish events as they are."""
    some = [(event.type, await check_in(event, runtime.objects)) for event in events]
    await runtime.bus.publish(some)


async def events_in(runtime: Runtime, topic: str = TOPIC) -> list[RawEvent]:
    """All events of a topic."""
    try:
        return [delivery.event async for delivery in runtime.bus.read(topic)]
    except UnknownTopic:
        return []
