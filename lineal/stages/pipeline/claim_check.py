"""Data that was too large for the bus is fetched, and what the stage made is put away."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from pydantic import ValidationError

from lineal.bus.claim_check import check_in, check_out, is_reference
from lineal.errors import PermanentFailure
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal.store.objects import SMALL_BYTES


class ClaimCheck:
    """Resolves references in events, and makes them for large outputs."""

    def __init__(self, binding: Binding) -> None:
        self._objects = binding.services.objects

    async def before(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if is_reference(invocation.event):
                await self._resolve(invocation)
            invocation.digests = (sha256(invocation.event.data).digest(),)

    async def _resolve(self, invocation: Invocation) -> None:
        try:
            invocation.event = await check_out(invocation.event, self._objects)
        except ValidationError as error:
            failure = PermanentFailure("the reference to the data is malformed")
            failure.__cause__ = error
            invocation.error = failure
        except Exception as error:
            invocation.error = error

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            published = []
            withdrawal = () if invocation.withdrawal is None else (invocation.withdrawal,)
            for event in (*invocation.events, *withdrawal):
                if len(event.data) > SMALL_BYTES:
                    published.append((event.type, await check_in(event, self._objects)))
                else:
                    published.append((event.type, event))
            invocation.published = published
