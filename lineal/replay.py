"""Replay: handling events again, all of a topic or exactly those a changed stage made stale.

A replay has no group: it reads the topic, runs the stage beside the live workers, and settles
without moving anybody's position, so what is live is undisturbed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from lineal.bus.protocol import Bus, Delivery, Selection, Settlement, UnknownTopic
from lineal.lineage.actor import acting_user, this_worker
from lineal.lineage.ledger import stale_input_events
from lineal.lineage.record import Record
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
    progress: Callable[[Sequence[Settlement]], None],
) -> None:
    """Handle the planned events; ``progress`` is called with what was settled.

    What the stage emits goes to the live topics, where the following stages take it up. A record
    of the replay itself is left in the ledger.
    """
    subscription = ReplaySubscription(runtime, plan)
    settled = 0

    def count(settlements: Sequence[Settlement]) -> None:
        nonlocal settled
        settled += len(settlements)
        progress(settlements)

    bound = runtime.bind(plan.stage, workers, replaying=True)
    settings = runtime.settings.runner()
    settings = replace(settings, prefetch=_TIMES_PREFETCH * settings.prefetch)
    runner = StageRunner(bound, subscription, settings, on_settled=count)
    started = now_us()
    if plan.events:
        running = asyncio.create_task(runner.run())
        finished = asyncio.create_task(subscription.finished.wait())
        await asyncio.wait((running, finished), return_when=asyncio.FIRST_COMPLETED)
        finished.cancel()
        runner.stop()
        await running
    record = Record(
        kind="replay",
        root=f"stage:{plan.stage.name}",
        build=None,
        started=started,
        duration=now_us() - started,
        outcome="done",
        actor=acting_user(),
        worker=this_worker(),
        facts={"events": settled, "stage": plan.stage.name, "version": plan.stage.version},
    )
    await runtime.bus.record([record])


class ReplaySubscription:
    """A bounded, groupless reading of a topic; see :class:`lineal.bus.protocol.Subscription`."""

    def __init__(self, runtime: Runtime, plan: ReplayPlan) -> None:
        self._bus = runtime.bus
        self._topics = {payload.type for payload in plan.stage.inputs}
        self._events = _events_of(runtime.bus, plan.stage, plan.selection)
        self._released: deque[Delivery] = deque()
        self._outstanding = 0
        self._exhausted = False
        self.finished = asyncio.Event()
        """Set when every event of the selection is settled."""

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        batch: list[Delivery] = []
        while len(batch) < limit and self._released:
            batch.append(self._released.popleft())
        while len(batch) < limit and not self._exhausted:
            try:
                batch.append(await anext(self._events))
            except StopAsyncIteration:
                self._exhausted = True
        self._outstanding += len(batch)
        self._look_if_finished()
        if not batch:
            await asyncio.sleep(seconds)
        return batch

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        # A stage that feeds itself (the next part of a scattered whole) must not do so here: the
        # replay takes these events from the topic, where they are already.
        for settlement in settlements:
            settlement.outputs = [
                (topic, event) for topic, event in settlement.outputs if topic not in self._topics
            ]
        await self._bus.settle_unowned(settlements)
        self._outstanding -= len(settlements)
        self._look_if_finished()
        return []

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self._outstanding -= len(deliveries)
        self._released.extend(deliveries)

    def _look_if_finished(self) -> None:
        if self._exhausted and not self._outstanding and not self._released:
            self.finished.set()

    def on_revoked(self, callback: Callable[[Collection[tuple[str, int]]], None]) -> None:
        """Nobody else can take a replay over."""

    async def close(self) -> None:
        """There is no group to leave."""
