"""A daemon of a region, as a program: counts the words of what it is sent."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lineal import stage
from lineal.library.event_bus import open_bus
from lineal_schemas.payload import Payload


class TextSent(Payload, type="text.sent", version=1):
    """Words are to be counted."""

    text: str
    pause: float = 0.0


class TextCounted(Payload, type="text.counted", version=1):
    """Words were counted."""

    words: int
    by: str


async def main(data: Path, mute: bool) -> None:
    """Work until killed.

    Args:
        mute: take events and never finish one.
    """

    @stage("count", version="1", produces=TextCounted)
    async def count(sent: TextSent) -> TextCounted:
        await asyncio.sleep(3600 if mute else sent.pause)
        return TextCounted(words=len(sent.text.split()), by=data.name)

    async with open_bus(data=data, durability="normal") as bus, bus.run(count):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), "mute" in sys.argv[2:]))
