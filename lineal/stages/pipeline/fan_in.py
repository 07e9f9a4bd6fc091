"""A part is kept until its group is complete; then the stage is called with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import cast

from lineal.effects.fan_in import FanInDone, FanInPart
from lineal.errors import PermanentFailure
from lineal.stages.decoding import decode_for
from lineal.stages.fan_in_groups import other_parts_if_complete
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal_schemas.parts import Part


class FanIn:
    """Collects the parts of groups. Parts of a group have one partition key, so they come one after
    the other."""

    def __init__(self, binding: Binding) -> None:
        self._stage = binding.stage
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
                group_id = invocation.parts[0][1].whole
                done = FanInDone(self._stage.name, group_id, invocation.event.id, invocation.began)
                invocation.effects.append(done)

    async def _collect(self, invocation: Invocation) -> None:
        stage, event = self._stage, invocation.event
        part = cast(Part, decode_for(stage, event)[0])
        if part.index >= part.count:
            raise PermanentFailure(f"part {part.index} of {part.count} cannot be")
        others = await self._store.read(
            lambda connection: other_parts_if_complete(connection, stage.name, part, event.id)
        )
        if others is None:
            invocation.incomplete = True
            exact = event.to_json(exact=True)
            invocation.effects.append(FanInPart(stage.name, part.whole, part.index, exact))
            return
        events = [found for _, found in sorted([*others, (part.index, event)])]
        invocation.parts = [(found, cast(Part, decode_for(stage, found)[0])) for found in events]
        invocation.digests = [sha256(found.data).digest() for found in events]
