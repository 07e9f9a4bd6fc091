"""Reads a broker's topics for ``lineal verify``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from lineal.admission import types_of_steps
from lineal.backends import open_blobs, open_bus, open_bus_marks, open_store
from lineal.errors import LinealError
from lineal.lineage.follower import flush_ledger
from lineal.producers import broker_types
from lineal.proof.topic_reading import TopicsRead, read_topics
from lineal.proof.verification import Progress
from lineal.settings import Settings
from lineal.store.database import Database, file_blobs
from lineal.store.objects import ObjectStore

_FLUSH_SECONDS = 60.0


def topics_of_broker(
    settings: Settings, origins: Collection[str], progress: Progress
) -> TopicsRead:
    """What is on the broker's topics; the store has then the records of all of it.

    One that cannot be read is a problem that the answer names.

    Args:
        origins: of the log whose checkpoints are looked for.
    """
    try:
        return asyncio.run(_read(settings, origins, progress))
    except (LinealError, OSError) as error:
        problem = (
            f"the topics could not be looked at: {error}; --offline leaves them, and witnesses, out"
        )
        return TopicsRead({}, (), problem=problem)


async def _read(settings: Settings, origins: Collection[str], progress: Progress) -> TopicsRead:
    async with contextlib.AsyncExitStack() as stack:
        database = Database(settings.data, durability=settings.durability)
        database.open()
        stack.push_async_callback(database.close)
        store = await open_store(settings, database, stack)
        objects = ObjectStore(store, await open_blobs(settings, file_blobs(database), stack))
        marks = await open_bus_marks(settings, store)
        bus = await open_bus(settings, database, store, objects, stack, marks)
        from_outside = broker_types(settings)
        made_by_steps = types_of_steps() - from_outside
        found = await read_topics(bus, made_by_steps, from_outside, origins, progress)
        if not bus.capabilities.applies_effects:
            # Nobody else may write into the store what was committed by now.
            await flush_ledger(bus, store, _FLUSH_SECONDS, marks=marks)
        return found
