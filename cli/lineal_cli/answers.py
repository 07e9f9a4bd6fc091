"""Waits for the event that answers a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lineal_schemas.payload import Payload

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_schemas.envelope import Event

P = TypeVar("P", bound=Payload)


async def first_answer(
    runtime: Runtime, kind: type[P], key: str, answers: Callable[[Event[P]], bool], seconds: float
) -> P | None:
    """The first event of a type and partition key that is the answer; None if none comes in
    time."""
    from lineal.events_on_topic import events_on_topic

    await runtime.bus.create_topic(kind.type)
    try:
        async with asyncio.timeout(seconds):
            async for event in events_on_topic(runtime, kind, key, follow=True):
                if answers(event):
                    return event.data
    except TimeoutError:
        pass
    return None


async def answer_to(
    runtime: Runtime, kind: type[P], key: str, request: str, seconds: float
) -> P | None:
    """What came of a request, by the id of its event; None if nothing has in time."""
    return await first_answer(
        runtime, kind, key, lambda event: event.causationid == request, seconds
    )
