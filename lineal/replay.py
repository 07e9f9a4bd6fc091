"""Replay: handling events again, all of a topic or exactly those a changed stage made stale.

A replay has no group: it reads the topic, runs the stage beside the live workers, and settles
without moving anybody's position, so what is live is undisturbed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, replace

from lineal.bus.protocol import Bus, Delivery, Selection, Settlement, UnknownTopic
from lineal.lineage.actor import acting_user, this_worker
from lineal.lineage.ledger import stale_input_events
from lineal.lineage.record import Record
from lineal.replay_subscription import ReplaySubscription
from lineal.runtime import Runtime
from lineal.stages.declaration import Stage
from lineal.stages.retry import PermanentFailure
from lineal.stages.runner import StageRunner
from lineal.stages.services import Workers
from lineal.stages.understanding import understand
from lineal_schemas.envelope import now_us
from lineal_schemas.parts import Part

_TIMES_PREFETCH = 4
"""Nobody waits for one event of a replay: the larger its batches the sooner all of it is done."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay of one stage will handle."""

    stage: Stage
    selection: Selection
    events: int


async def plan_replay(
    runtime: Runtime, stage: Stage, selection: Selection, *, stale: bool = False
) -> ReplayPlan:
    """Find out which events a replay of a stage takes, and how many they are.

    With ``stale``: those whose newest outcome came from another version, code, configuration or
    model of the stage; of events that stand for one subject only the newest, since replaying an
    outdated one would undo the newer; and of a whole that was scattered all parts, since gathering
    needs them.
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
    try:
        async for _ in _events_of(runtime.bus, stage, selection):
            count += 1
    except UnknownTopic:
        if not stale:
            raise
    return ReplayPlan(stage, selection, count)


async def _stale_ids(runtime: Runtime, stage: Stage, wanted: Collection[str]) -> frozenset[str]:
    if not wanted:
        return frozenset()
    scattered = issubclass(stage.consumes, Part)
    newest: dict[str, str] = {}
    wholes: dict[str, set[str]] = {}
    stale_wholes: set[str] = set()
    newest_whole: dict[str, str] = {}
    try:
        async for delivery in _events_of(runtime.bus, stage):
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


async def _events_of(
    bus: Bus, stage: Stage, selection: Selection | None = None
) -> AsyncIterator[Delivery]:
    """The events a stage takes; of several topics the older first.

    Raises:
        UnknownTopic: there is none of the topics.
    """
    topics = [bus.read(payload.type, selection) for payload in stage.inputs]
    heads: list[tuple[AsyncIterator[Delivery], Delivery]] = []
    missing: UnknownTopic | None = None
    known = 0
    for topic in topics:
        try:
            head = await anext(topic, None)
        except UnknownTopic as error:
            missing = error
            continue
        known += 1
        if head is not None:
            heads.append((topic, head))
    if missing is not None and not known:
        raise missing
    while len(heads) > 1:
        index = min(range(len(heads)), key=lambda place: heads[place][1].event.time)
        topic, head = heads[index]
        yield head
        following = await anext(topic, None)
        if following is None:
            del heads[index]
        else:
            heads[index] = (topic, following)
    for topic, head in heads:
        yield head
        async for delivery in topic:
            yield delivery


async def run_replay(
    runtime: Runtime,
    plan: ReplayPlan,
    workers: Workers,
    progress: Callable[[Mapping[str, int]], None],
) -> None:
    """Handle the planned events; ``progress`` is called with how many came to which outcome.

    What the stage emits goes to the live topics, where the following stages take it up. A record
    of the replay itself is left in the ledger.

    Raises:
        Exception: the events could not be read to their end; what was read is handled, and on
            record.
    """
    settled = 0

    def count(outcomes: Mapping[str, int]) -> None:
        nonlocal settled
        settled += sum(outcomes.values())
        progress(outcomes)

    started = now_us()
    problem = await _handle(runtime, plan, workers, count) if plan.events else None
    record = Record(
        kind="replay",
        root=f"stage:{plan.stage.name}",
        build=None,
        started=started,
        duration=now_us() - started,
        outcome="done" if problem is None else "failed",
        error=None if problem is None else type(problem).__name__,
        actor=acting_user(),
        worker=this_worker(),
        facts={"events": settled, "stage": plan.stage.name, "version": plan.stage.version},
    )
    await runtime.bus.record([record])
    if problem is not None:
        raise problem


async def _handle(
    runtime: Runtime,
    plan: ReplayPlan,
    workers: Workers,
    count: Callable[[Mapping[str, int]], None],
) -> Exception | None:
    """Handle the planned events; returns why no more of them could be read, if so."""
    bound = runtime.bind(plan.stage, workers, replaying=True)
    events = _events_of(runtime.bus, plan.stage, plan.selection)
    subscription = ReplaySubscription(runtime.bus, bound, events, count)
    settings = runtime.settings.runner()
    runner = StageRunner(
        bound,
        subscription,
        replace(settings, prefetch=_TIMES_PREFETCH * settings.prefetch),
        on_settled=lambda settlements: count(Counter(map(_outcome, settlements))),
    )
    running = asyncio.create_task(runner.run())
    finished = asyncio.create_task(subscription.finished.wait())
    await asyncio.wait((running, finished), return_when=asyncio.FIRST_COMPLETED)
    finished.cancel()
    runner.stop()
    await running
    return subscription.problem


def _outcome(settlement: Settlement) -> str:
    # Without a record: the part of a whole that is not complete yet. It has been taken in.
    outcome = "done" if settlement.record is None else settlement.record.outcome
    return "done" if outcome == "duplicate" else outcome
