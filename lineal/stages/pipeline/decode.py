"""The data is read as the type that the stage takes."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.errors import PermanentFailure
from lineal.stages.declaration import Stage
from lineal.stages.decoding import decode_event
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal_schemas.envelope import RawEvent
from lineal_schemas.payload import Payload


class Decoding:
    """Decodes and upcasts the data of events."""

    def __init__(self, binding: Binding) -> None:
        self._stage = binding.stage

    async def before(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            try:
                invocation.payload = decode_for(self._stage, invocation.event)
            except PermanentFailure as error:
                invocation.error = error

    async def after(self, invocations: Sequence[Invocation]) -> None:
        """Outputs are payloads already."""


def decode_for(stage: Stage, event: RawEvent) -> Payload:
    """The data of an event that a stage takes.

    Raises:
        PermanentFailure: it cannot be understood, or is of a type that the stage does not take.
    """
    payload = decode_event(event).data
    if stage.handler_for(payload) is None:
        taken = ", ".join(item.type for item in stage.inputs)
        raise PermanentFailure(f"stage {stage.name!r} takes {taken}, not {event.type}")
    return payload
