"""A part is kept until its group is complete, or closed by time; then the stage is called with all
that came."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import cast

from lineal.effects.fan_in import FanInDone, FanInPart, fan_in_owner
from lineal.effects.timers import TimerCancelled, TimerSet
from lineal.errors import PermanentFailure
from lineal.stages.decoding import decode_for
from lineal.stages.fan_in_groups import (
    closed_without,
    closing_id,
    other_parts,
    parts_that_came,
)
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal_schemas.envelope import RawEvent
from lineal_schemas.parts import Part

_TOO_LATE = "the group was closed before this part came"
_NOTHING_WAITS = "the group was complete in time"


class FanIn:
    """Collects the parts of groups. Parts of a group have one partition key, so they come one after
    the other.

    A group that is to be closed by time has a timer, from its first part on. Its event is this part
    under an id of its own, and comes to this stage alone, on the redrive topic.
    """

    def __init__(self, binding: Binding) -> None:
        self._stage = binding.stage
        # In a replay all that came is there already, and nothing is waited for.
        self._within = None if binding.replaying else binding.stage.within
        self._owner = fan_in_owner(binding.stage.name)
        self._source = f"lineal:stage/{binding.stage.name}"
        self._store = binding.services.store

    async def before(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            try:
                await self._collect(invocation)
            except PermanentFailure as error:
                invocation.error = error

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if invocation.error is None and invocation.parts is not None:
                group_id = invocation.parts[0][1].group_id
                done = FanInDone(self._stage.name, group_id, invocation.event.id, invocation.began)
                invocation.effects.append(done)
                if self._within is not None:
                    invocation.effects.append(TimerCancelled(self._owner, group_id))

    async def _collect(self, invocation: Invocation) -> None:
        stage, event = self._stage, invocation.event
        part = cast(Part, decode_for(stage, event)[0])
        if part.index >= part.count:
            raise PermanentFailure(f"part {part.index} of {part.count} cannot be")
        if self._closes(event, part):
            await self._close(invocation, part)
            return
        others = await self._store.read(
            lambda connection: other_parts(connection, stage.name, part, event.id)
        )
        if self._within is not None and not others.waiting and await self._is_closed(part):
            invocation.outcome, invocation.reason = "skipped", _TOO_LATE
        elif others.complete is None:
            invocation.incomplete = True
            exact = event.to_json(exact=True)
            invocation.effects.append(FanInPart(stage.name, part.group_id, part.index, exact))
            if self._within is not None and not others.waiting:
                due = invocation.began + round(self._within * 1e6)
                closing = self._closing(event, part).to_json(exact=True)
                invocation.effects.append(TimerSet(self._owner, part.group_id, due, closing))
        else:
            in_order = sorted([*others.complete, (part.index, event)], key=lambda item: item[0])
            self._take(invocation, [found for _, found in in_order])

    async def _is_closed(self, part: Part) -> bool:
        name = self._stage.name
        return await self._store.read(lambda connection: closed_without(connection, name, part))

    async def _close(self, invocation: Invocation, part: Part) -> None:
        name, event_id = self._stage.name, invocation.event.id
        came = await self._store.read(
            lambda connection: parts_that_came(connection, name, part.group_id, event_id)
        )
        if not came:
            invocation.outcome, invocation.reason = "skipped", _NOTHING_WAITS
            return
        self._take(invocation, came)
        invocation.reason = f"the group was closed by time, with {len(came)} of {part.count} parts"

    def _take(self, invocation: Invocation, events: Sequence[RawEvent]) -> None:
        invocation.parts = [
            (found, cast(Part, decode_for(self._stage, found)[0])) for found in events
        ]
        invocation.digests = [sha256(found.data).digest() for found in events]

    def _closing(self, first: RawEvent, part: Part) -> RawEvent:
        """The event that closes a group, made of its first part."""
        identifier = closing_id(first.id, part.group_id)
        return first._replace(
            id=identifier, source=self._source, causationid=first.id, actor=None, mark=None
        )

    def _closes(self, event: RawEvent, part: Part) -> bool:
        first = event.causationid
        return (
            event.source == self._source
            and first is not None
            and event.id == closing_id(first, part.group_id)
        )
