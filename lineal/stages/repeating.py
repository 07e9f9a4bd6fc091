"""Repeating: what is remembered of many events is emitted again, without a step for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lineal.bus.protocol import Delivery, Settlement
from lineal.lineage.record import MAX_STEPS, StepEntry
from lineal.stages.binding import BoundStage
from lineal.stages.intake import Identity, Intake
from lineal_schemas.envelope import RawEvent, now_us

_TURN = 20
"""Events between which others have the loop."""


class Repeated(NamedTuple):
    """What events came to of which some are remembered."""

    settlements: Sequence[Settlement]
    """Of many events each; their delivery is the last of these."""
    events: Sequence[Delivery]
    """Those that are settled by them."""
    rest: list[Delivery]
    """To be handled, in their order."""


async def repeat(
    bound: BoundStage, deliveries: Sequence[Delivery], busy: Callable[[str], bool]
) -> Repeated:
    """Make settlements of those events whose steps are remembered.

    Args:
        busy: whether an earlier event of a key is being handled, which must not be overtaken.

    Raises:
        StoreUnavailable
    """
    repeated = _Settlements(bound)
    events: list[Delivery] = []
    rest: list[Delivery] = []
    behind: set[str] = set()
    for delivery, known in zip(deliveries, await bound.look_up(deliveries), strict=True):
        key = delivery.event.partitionkey
        outputs = None
        if known is not None and key not in behind and not busy(key):
            outputs = bound.again(known, repeated.started)
        if known is None or outputs is None:
            behind.add(key)
            rest.append(delivery)
            bound.keep_ahead(delivery, known)
            continue
        events.append(delivery)
        repeated.add(delivery, known.intake, outputs)
        if len(events) % _TURN == 0:
            # What was settled before waits for its answers.
            await asyncio.sleep(0)
    return Repeated(repeated.finish(), events, rest)


class _Settlements:
    """Settlements of many events each, and of one build."""

    def __init__(self, bound: BoundStage) -> None:
        self._bound = bound
        self._finished: list[Settlement] = []
        self._identity: Identity | None = None
        self._begin()

    def _begin(self) -> None:
        self.started = now_us()
        self._steps: list[StepEntry] = []
        self._outputs: list[tuple[str, RawEvent]] = []

    def add(self, delivery: Delivery, intake: Intake, outputs: Sequence[RawEvent]) -> None:
        """Add what an event came to."""
        if intake.identity is not self._identity:
            self._end()
            self._identity = intake.identity
        self._last = delivery
        self._steps.append(self._bound.replay_entry(intake, outputs, self.started))
        self._outputs += [(output.type, output) for output in outputs]
        if len(self._steps) == MAX_STEPS:
            self._end()

    def finish(self) -> Sequence[Settlement]:
        self._end()
        return self._finished

    def _end(self) -> None:
        if self._steps:
            assert self._identity is not None
            record = self._bound.replay_record(self._identity, self._steps, self.started)
            self._finished.append(Settlement(self._last, self._outputs, record))
        self._begin()
