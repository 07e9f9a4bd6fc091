"""Selects the events of a replay: all of a topic, or those a changed stage made stale."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lineal.bus.protocol import Selection
from lineal.errors import PermanentFailure, UnknownTopic
from lineal.lineage.ledger import stale_input_events, steps_of_subject
from lineal.lineage.superseded import superseded_events
from lineal.replay.events import events_of
from lineal.replay.processes import Processes, shared_partitions
from lineal.runtime import Runtime
from lineal.stages.declaration import Stage
from lineal.stages.decoding import decode_event
from lineal.store.connection import Connection
from lineal_schemas.envelope import now_us
from lineal_schemas.parts import Part

_EXPECTED_IN_ADVANCE = 10
"""So many times as often as another process would be worth its start it is looked whether it is."""
_SUBJECTS_BATCH_SIZE = 20


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay of one stage will handle."""

    stage: Stage
    selection: Selection
    events: int
    partitions: int
    """That processes can share; 1 where they cannot, or were not to."""


async def plan_replay(
    runtime: Runtime,
    stage: Stage,
    selection: Selection,
    *,
    stale: bool = False,
    processes: Processes | None = None,
) -> ReplayPlan:
    """Find out which events a replay of a stage takes, and how many they are.

    With ``stale``: those whose newest outcome came from another version, code, configuration or
    artifacts of the stage, whatever their keys; but none that was made anew since (by a newer
    version of the stage before), since replaying it would undo what followed from the newer one;
    and of parts that are joined all of a group, since joining needs them.

    Of ``processes``, which are to share the replay, those are started meanwhile that it is worth.
    """
    # What is stale is read from the ledger, and what need not be done again from the memo.
    await runtime.flush_ledger()
    if stale:
        # No bound in time: these are known by their ids, and a clock that was set back must not
        # hide those from before.
        build = await runtime.bind(stage).current_build()
        wanted = await runtime.store.read(lambda c: stale_input_events(c, build))
        selection = replace(selection, event_ids=await _stale_ids(runtime, stage, wanted))
    elif selection.to_time is None:
        # What is published from now on is the live group's; a replay that chased it never ended.
        selection = replace(selection, to_time=now_us())
    count = 0
    processes = processes or Processes(1)
    expected_every = max(1, processes.min_events // _EXPECTED_IN_ADVANCE)
    partitions = await shared_partitions(runtime, stage) if processes.limit > 1 else 1
    try:
        async for _ in events_of(runtime.bus, stage, selection):
            count += 1
            if count % expected_every == 0:
                processes.expect(count, partitions)
    except UnknownTopic:
        if not stale:
            raise
    return ReplayPlan(stage, selection, count, partitions)


async def _stale_ids(runtime: Runtime, stage: Stage, wanted: Collection[str]) -> frozenset[str]:
    """Those of the stale events that are on the topics and not superseded; of parts, those of all
    groups in which one is stale."""
    if not wanted:
        return frozenset()
    parts = issubclass(stage.consumes, Part)
    found: dict[str, tuple[str, bool]] = {}
    groups: dict[str, set[str]] = {}
    try:
        async for delivery in events_of(runtime.bus, stage):
            event = delivery.event
            if parts:
                try:
                    part = decode_event(event)
                except PermanentFailure:
                    continue
                assert isinstance(part, Part)
                groups.setdefault(part.group_id, set()).add(event.id)
            if parts or event.id in wanted:
                found[event.id] = event.correlationid, event.causationid is not None
    except UnknownTopic:
        return frozenset()
    if parts:
        stale = [ids for ids in groups.values() if not ids.isdisjoint(wanted)]
        found = {event_id: found[event_id] for ids in stale for event_id in ids}
    # What nothing on the bus caused cannot have been made anew.
    subjects = {subject for subject, caused in found.values() if caused}
    return frozenset(found) - await _superseded(runtime, stage, sorted(subjects))


async def _superseded(runtime: Runtime, stage: Stage, subjects: Sequence[str]) -> set[str]:
    """Events that were superseded since: replaying them would undo the newer ones."""
    superseded: set[str] = set()
    for begin in range(0, len(subjects), _SUBJECTS_BATCH_SIZE):
        asked = subjects[begin : begin + _SUBJECTS_BATCH_SIZE]
        superseded |= await runtime.store.read(partial(_superseded_of, stage=stage, subjects=asked))
        await asyncio.sleep(0)
    return superseded


def _superseded_of(connection: Connection, stage: Stage, subjects: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for subject in subjects:
        found |= superseded_events(steps_of_subject(connection, subject), stage.name)
    return found
