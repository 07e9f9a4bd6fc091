"""What the bus carries: data that was too large for it is fetched; events are made of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from pydantic import ValidationError

from lineal.bus.claim_check import check_in, check_out, is_reference
from lineal.bus.erased_event import ERASED, ERASED_REASON
from lineal.errors import PermanentFailure
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.erased_subjects import drop_erased, erased_before
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.pipeline.supersede import Superseding
from lineal.stages.pipeline.withdrawals import Withdrawals
from lineal.store.objects import SMALL_BYTES
from lineal_schemas.withdrawals import OutputsWithdrawn


class Transport:
    """Resolves references in events; makes the events of outputs, with references for large ones.

    Their envelope comes from the event at hand, never from memory: ids, subject, time and cause are
    those of this handling. What takes the place of older events names them.
    """

    def __init__(self, binding: Binding) -> None:
        self._objects = binding.services.objects
        self._emitter = binding.emitter
        self._superseding = Superseding(binding)
        self._withdrawals = Withdrawals(binding)
        self._replaying = binding.replaying
        self._services = binding.services
        # A broker keeps the events of erased subjects until its retention ends; and a replay of any
        # bus may read them while they are erased.
        self._may_be_erased = binding.replaying or not binding.services.bus_erases

    async def before(self, invocations: Sequence[Invocation]) -> None:
        erased: set[int] = set()
        if self._may_be_erased:
            erased = {id(item) for item in await erased_before(self._services, invocations)}
        for invocation in invocations:
            if invocation.event.type == ERASED or id(invocation) in erased:
                invocation.outcome, invocation.reason = "skipped", ERASED_REASON
                continue
            if is_reference(invocation.event):
                await self._resolve(invocation)
            invocation.digests = (sha256(invocation.event.data).digest(),)
        if withdrawing := [
            item for item in invocations if item.event.type == OutputsWithdrawn.type and item.open
        ]:
            await self._withdrawals.pass_on(withdrawing)

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
        if self._may_be_erased:
            await drop_erased(self._services, invocations)
        for invocation in invocations:
            if invocation.error is None and invocation.outputs:
                invocation.events = self._emitter.events(
                    invocation.outputs,
                    invocation.event,
                    invocation.input_id,
                    invocation.started or invocation.began,
                )
        if self._replaying:
            await self._superseding.supersede(invocations)
        if passing := [item for item in invocations if item.superseding]:
            await self._superseding.pass_on(passing)
        for invocation in invocations:
            events = invocation.events
            if invocation.withdrawal is not None:
                events = (*events, invocation.withdrawal)
            invocation.published = [
                (event.type, event if len(event.data) <= SMALL_BYTES
                 else await check_in(event, self._objects))
                for event in events
            ]  # fmt: skip
