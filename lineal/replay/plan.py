"""Which events a replay takes: all of a topic, or exactly those a changed stage made stale."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from lineal.bus.protocol import Selection
from lineal.errors import PermanentFailure, UnknownTopic
from lineal.lineage.ledger import stale_input_events
from lineal.replay.beside import Processes, shared_partitions
from lineal.replay.events import events_of
from lineal.runtime import Runtime
from lineal.stages.declaration import Stage
from lineal.stages.understanding import understand
from lineal_schemas.envelope import now_us
from lineal_schemas.parts import Part

_EXPECTED_EVERY = 1_000


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
    model of the stage; of events that stand for one subject only the newest, since replaying an
    outdated one would undo the newer; and of a whole that was scattered all parts, since gathering
    needs them.

    Of ``processes``, which are to share the replay, those are started meanwhile that it is worth.
    """
    # What is stale is read from the ledger, and what need not be done again from the memo.
    await runtime.bus.recorded()
    if stale:
        # No bound in time: these are known by their ids, and a clock that was set back must not
        # hide those from before.
        build = await runtime.bind(stage).present_build()
        wanted = await runtime.store.read(lambda c: stale_input_events(c, build))
        selection = replace(selection, event_ids=await _stale_ids(runtime, stage, wanted))
    elif selection.to_time is None:
        # What is published from now on is the live group's; a replay that chased it never ended.
        selection = replace(selection, to_time=now_us())
    count = 0
    processes = processes or Processes(1)
    partitions = await shared_partitions(runtime, stage) if processes.most > 1 else 1
    try:
        async for _ in events_of(runtime.bus, stage, selection):
            count += 1
            if count % _EXPECTED_EVERY == 0:
                processes.expect(count, partitions)
    except UnknownTopic:
        if not stale:
            raise
    return ReplayPlan(stage, selection, count, partitions)


async def _stale_ids(runtime: Runtime, stage: Stage, wanted: Collection[str]) -> frozenset[str]:
    if not wanted:
        return frozenset()
    scattered = issubclass(stage.consumes, Part)
    newest: dict[str, str] = {}
    wholes: dict[str, set[str]] = {}
    stale_wholes: set[str] = set()
    newest_whole: dict[str, str] = {}
    try:
        async for delivery in events_of(runtime.bus, stage):
            event = delivery.event
            if not scattered:
                newest[event.partitionkey] = event.id
                continue
            try:
                part = understand(event).data
            except PermanentFailure:
                continue
            assert isinstance(part, Part)
            wholes.setdefault(part.whole, set()).add(event.id)
            newest_whole[event.correlationid] = part.whole
            if event.id in wanted:
                stale_wholes.add(part.whole)
    except UnknownTopic:
        return frozenset()
    if not scattered:
        return frozenset(newest.values()) & frozenset(wanted)
    current = set(newest_whole.values()) & stale_wholes
    return frozenset(event_id for whole in current for event_id in wholes[whole])
