"""``StepResult``: outputs, effects and lineage record of one handling of an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lineal.bus.protocol import Addressed, Batch, Delivery
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.lineage.record import Record

if TYPE_CHECKING:
    from lineal.stages.uncommitted import UncommittedChanges


class StepResult(NamedTuple):
    """A handled delivery and all that follows from it, to be made durable together."""

    delivery: Delivery
    outputs: Sequence[Addressed] = ()
    effects: Sequence[Effect] = ()
    record: Record | None = None
    """None: the part of a fan-in group that is not complete yet."""
    uncommitted: UncommittedChanges | None = None
    """What the handling began with that was not committed yet."""

    @property
    def outdated(self) -> bool:
        """Whether it was made after a result that is not committed as it was."""
        return self.uncommitted is not None and not self.uncommitted.valid

    @property
    def read_by_others(self) -> bool:
        """Whether it changes what another step could read."""
        return any(effect.read_by_others for effect in self.effects)


def to_batch(results: Sequence[StepResult]) -> Batch:
    """What is committed for results."""
    records = [result.record for result in results if result.record is not None]
    # Those of a call with a batch of events are in the result of each.
    effects = {id(effect): effect for result in results for effect in result.effects}.values()
    return Batch(
        [result.delivery for result in results],
        [output for result in results for output in result.outputs],
        [*effects, *lineage_records(records)],
    )
