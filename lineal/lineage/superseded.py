"""Finds the events of a subject that a later step has made again.

A step on the same event makes other events when its stage is of another version. The newest are
those that count; what followed from the older ones is out of date with them. Events that no step
made, like the many orders of one customer, never supersede each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.lineage.ledger import oldest_records_of_build, steps_of_event
from lineal.lineage.record import Build, RecordedStep
from lineal.store.connection import Connection
from lineal_schemas.ids import source_mark

_GIVEN_UP = ("rejected", "failed", "duplicate", "delayed")
"""Steps that end so make nothing in the place of what was made before."""
_OLDEST_RECORDS = 16


def replaces(step: RecordedStep) -> bool:
    """Whether a step replaces an older one on the same events. One that had nothing to do does when
    it withdrew what was made before: the event that says so is among its own."""
    if step.outcome == "skipped":
        return bool(step.entry.events_out)
    return step.outcome not in _GIVEN_UP


def of_one_source(step: RecordedStep, source_mark: str | None) -> bool:
    """Whether the event of a step is of the source of another one with the same id, as far as both
    steps say: an earlier lineal did not."""
    return source_mark is None or step.entry.source_mark in (None, source_mark)


def may_lack_source(connection: Connection, build: Build) -> bool:
    """Whether some ids of what a build made may not follow from the source of the event, as in an
    earlier lineal. Its oldest steps tell: what an earlier one wrote comes first in a ledger."""
    records = oldest_records_of_build(connection, build, _OLDEST_RECORDS)
    for entry in (entry for record in records for entry in record.steps):
        if entry.source_mark is not None:
            return False
        # Whether the id alone would have named the event.
        if entry.emitted and not entry.fan_in and source_mark(entry.events_in[0], "") is not None:
            return True
    return len(records) == _OLDEST_RECORDS


def superseded_events(steps: Sequence[RecordedStep], consumer: str) -> set[str]:
    """The events that are out of date for a stage.

    Args:
        steps: of one subject, in the order of the ledger.
        consumer: name of the stage. What it emits for itself is not considered: a replay, which
            has the events of before, does not publish that anew.
    """
    newest: dict[tuple[str, tuple[str, ...], str | None], tuple[str, ...]] = {}
    made: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    superseded: set[str] = set()
    for step in steps:
        if step.build is None or not step.events_in or not replaces(step):
            continue
        if step.build.stage == consumer:
            continue
        stage, events_in, mark = step.build.stage, step.events_in, step.entry.source_mark
        work = (stage, events_in, mark)
        outputs = step.events_out
        superseded.update(newest.get(work, ()))
        if mark is not None:  # an earlier lineal did not say of which source the event was
            superseded.update(newest.pop((stage, events_in, None), ()))
        # A stage that was set back makes the events of before again.
        superseded.difference_update(outputs)
        newest[work] = outputs
        made.append((step.events_in, outputs))
    for events_in, outputs in made:
        if not superseded.isdisjoint(events_in):
            superseded.update(outputs)
    return superseded


def still_made(connection: Connection, event_id: str) -> bool:
    """Whether an event holds: the newest step on what it was made of makes it too, and that holds
    as well. What no stage made holds."""
    asked, looked_at = [event_id], {event_id}
    while asked:
        event_id = asked.pop()
        makers = [s for s in steps_of_event(connection, event_id) if event_id in s.events_out]
        if not makers or makers[-1].build is None or not makers[-1].events_in:
            continue
        maker, name = makers[-1], makers[-1].build.stage
        again = [
            step
            for step in steps_of_event(connection, maker.events_in[0])
            if step.build is not None
            and step.build.stage == name
            and step.events_in == maker.events_in
            and of_one_source(step, maker.entry.source_mark)
            and replaces(step)
        ]
        if again and event_id not in again[-1].events_out:
            return False
        asked += [item for item in maker.events_in if item not in looked_at]
        looked_at.update(maker.events_in)
    return True
