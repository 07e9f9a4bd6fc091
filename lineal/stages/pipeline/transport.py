"""What the bus carries: data that was too large for it is fetched; events are made of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256

from pydantic import ValidationError

from lineal.bus.claim_check import check_in, check_out, is_reference
from lineal.bus.erased_event import ERASED, ERASED_REASON
from lineal.erasure.erasures import erasure_times
from lineal.errors import PermanentFailure
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.pipeline.supersede import Superseding
from lineal.store.objects import SMALL_BYTES


class Transport:
    """Resolves references in events; makes the events of outputs, with references for large ones.

    Their envelope comes from the event at hand, never from memory: ids, subject, time and cause are
    those of this handling.

    Args:
        superseding: names in the events of a replay what they take the place of.
    """

    def __init__(self, binding: Binding, superseding: Superseding | None = None) -> None:
        self._objects = binding.services.objects
        self._emitter = binding.emitter
        self._superseding = superseding
        self._store = binding.services.store

    async def before(self, invocations: Sequence[Invocation]) -> None:
        erased: dict[str, int] = {}
        if self._superseding is not None:
            # A broker keeps the events of erased subjects until its retention ends.
            subjects = {invocation.event.correlationid for invocation in invocations}
            erased = await self._store.read(partial(erasure_times, subjects=subjects))
        for invocation in invocations:
            event = invocation.event
            if event.type == ERASED or event.time <= erased.get(event.correlationid, -1):
                invocation.outcome, invocation.reason = "skipped", ERASED_REASON
                continue
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
            if invocation.error is None and invocation.outputs:
                invocation.events = self._emitter.events(
                    invocation.outputs,
                    invocation.event,
                    invocation.input_id,
                    invocation.started or invocation.began,
                )
        if self._superseding is not None:
            await self._superseding.supersede(invocations)
        for invocation in invocations:
            events = invocation.events
            if invocation.withdrawal is not None:
                events = (*events, invocation.withdrawal)
            invocation.published = [
                (event.type, event if len(event.data) <= SMALL_BYTES
                 else await check_in(event, self._objects))
                for event in events
            ]  # fmt: skip
