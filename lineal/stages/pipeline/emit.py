"""Events are made of what the stage returned, or of what is remembered of it."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation


class Emitting:
    """Makes the events of outputs. Their envelope comes from the event at hand, never from memory:
    ids, subject, time and cause are those of this handling."""

    def __init__(self, binding: Binding) -> None:
        self._emitter = binding.emitter

    async def before(self, invocations: Sequence[Invocation]) -> None:
        """There are no outputs yet."""

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if invocation.error is None and invocation.outputs:
                invocation.events = self._emitter.events(
                    invocation.outputs,
                    invocation.event,
                    invocation.input_id,
                    invocation.started or invocation.began,
                )
