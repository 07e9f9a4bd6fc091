"""Reading a topic from now on: decided by what is published later, not by what time it carries."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lineal.bus.embedded.bus import EmbeddedBus
from lineal.bus.protocol import Selection
from lineal.store.database import Database
from lineal_schemas.envelope import RawEvent, from_attributes

LONG_AGO = "1999-12-31T23:59:59Z"


def event(identifier: str) -> tuple[str, RawEvent]:
    attributes = {"id": identifier, "source": "test:", "type": "readings", "time": LONG_AGO}
    return "readings", from_attributes(attributes, b"{}")


async def test_from_now_is_everything_published_later_whatever_its_time(tmp_path: Path) -> None:
    database = Database(tmp_path, durability="normal")
    database.open()
    try:
        bus = EmbeddedBus(database)
        await bus.publish([event(f"before {number}") for number in range(20)])
        reading = bus.read("readings", Selection(from_now=True), follow=True)
        first = asyncio.ensure_future(anext(reading))
        await asyncio.sleep(0)  # it looks where the end is, and waits
        await bus.publish([event("later")])
        assert (await first).event.id == "later"
        await reading.aclose()  # type: ignore[attr-defined]
    finally:
        await database.close()
