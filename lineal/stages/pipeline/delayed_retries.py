"""Events that failed come back when their time has come, for stages that declare delays.

An event that waits is known by its source and id. It comes back on the stage's redrive topic, as a
redriven dead letter does. Each of its deliveries is decided about once: at the place where it
failed it is left out if it is delivered again there after a crash, and so is a second copy of what
came back. Published a second time while it waits, it is left out too.

Later events of its key do not wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.bus.topic_names import redrive_topic
from lineal.effects.retries import RetryEnded, RetryState, retries_of
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation, Retried

_WAITS = "the event failed and waits for its next attempt"
_ENDED = "the event was handled before, at a later attempt"


class DelayedRetries:
    """Gives events that come back the attempts they had; leaves out those that are decided about.

    What fails is delayed by :class:`lineal.stages.executor.StageExecutor`.
    """

    def __init__(self, binding: Binding) -> None:
        self._stage = binding.stage.name
        self._store = binding.services.store
        self._redrive = redrive_topic(self._stage)
        self._store_first = binding.services.store_first
        self._now = binding.services.now

    async def before(self, invocations: Sequence[Invocation]) -> None:
        events = [(item.event.source, item.event.id) for item in invocations]
        if not events:
            return
        states = await self._store.read(
            lambda connection: retries_of(connection, self._stage, events)
        )
        for invocation, state in zip(invocations, states, strict=True):
            if state is None:
                continue
            reason = self._left_out(invocation, state)
            if reason is not None:
                invocation.outcome, invocation.reason = "skipped", reason
            elif state.ending is None or invocation.position == state.position:
                delayed = state.delayed
                if invocation.position != state.position:
                    # Somebody may have had it tried before its time.
                    delayed = max(0, delayed - max(0, state.due - self._now()))
                invocation.retried = Retried(state.attempts, state.delays, delayed)
            else:
                # Redriven, or published anew: it begins at its first attempt.
                invocation.retried = Retried()

    def _left_out(self, invocation: Invocation, state: RetryState) -> str | None:
        """Why an event is left out; None: it is to be handled."""
        here = invocation.position
        comes_back = invocation.delivery.position.topic == self._redrive
        if state.ending is None:
            due = comes_back and here != state.position and not state.scheduled
            return None if due else _WAITS
        if here == state.position:
            # The store has its result, and the bus perhaps not.
            return None
        if comes_back:
            return None if state.ending == "dead letter" else _ENDED
        # Only a store that is written first can be ahead of the bus: elsewhere the group was moved
        # back on purpose.
        return _ENDED if self._store_first and here == state.first_position else None

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if invocation.retried is not None and invocation.error is None:
                event = invocation.event
                invocation.effects.append(
                    RetryEnded(
                        self._stage, event.source, event.id, invocation.position,
                        "handled", invocation.began,
                    )
                )  # fmt: skip
