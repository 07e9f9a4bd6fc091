"""Follows the transcript of a session: its events in their order, none left out, none twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Selection
from lineal.bus.topic_names import dead_letter_topic
from lineal.errors import LinealError
from lineal.events_on_topic import read_admitted, readable
from lineal.runtime import Runtime
from lineal_schemas.envelope import decode
from lineal_schemas.failures import DeadLetter
from lineal_schemas.speech import TranscriptEnded, TranscriptFinal, TranscriptPartial

TranscriptPayload = TranscriptPartial | TranscriptFinal | TranscriptEnded
_KINDS = (TranscriptPartial, TranscriptFinal, TranscriptEnded)
_DEAD_LETTERS = dead_letter_topic("transcribe")
_MAX_WAITING = 1000


class TranscriptionFailed(LinealError):
    """Audio of the session became a dead letter."""


async def follow_transcript(
    runtime: Runtime, session_id: str, after: int = 0, since_us: int | None = None
) -> AsyncIterator[TranscriptPayload]:
    """The transcript events of a session, to its end.

    Args:
        after: the number of the last one that is known already.
        since_us: none of them is older than this.

    Raises:
        TranscriptionFailed: what is missing will not come by itself; says why.
    """
    arrived: asyncio.Queue[TranscriptPayload | Exception] = asyncio.Queue(_MAX_WAITING)

    async def read(topic: str) -> None:
        try:
            await runtime.bus.create_topic(topic)
            selection = Selection(key=session_id, from_time=since_us)
            async for delivery in read_admitted(runtime, topic, selection, follow=True):
                event = await check_out(delivery.event, runtime.objects)
                if not readable(topic, event):
                    continue
                data = decode(event).data
                if isinstance(data, _KINDS):
                    await arrived.put(data)
                elif isinstance(data, DeadLetter):
                    await arrived.put(TranscriptionFailed(f"{data.error_class}: {data.message}"))
        except Exception as error:  # told to who follows
            await arrived.put(error)

    topics = [*(kind.type for kind in _KINDS), _DEAD_LETTERS]
    tasks = [asyncio.create_task(read(topic)) for topic in topics]
    try:
        early: dict[int, TranscriptPayload] = {}
        number = after
        while True:
            found = await arrived.get()
            if isinstance(found, Exception):
                raise found
            if found.number > number:
                early[found.number] = found
            while (following := early.pop(number + 1, None)) is not None:
                number += 1
                yield following
                if isinstance(following, TranscriptEnded):
                    return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
