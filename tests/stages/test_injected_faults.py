"""Wherever an attempt fails, and however often: one result or one dead letter for each event."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from lineal.bus.protocol import AssignmentLost, Batch, Delivery, Position
from lineal.bus.topic_names import dead_letter_topic
from lineal.effects.effect import apply
from lineal.effects.records import LineageRecord
from lineal.errors import BusUnavailable, StoreUnavailable
from lineal.lineage.canonical import parse_record
from lineal.lineage.record import RecordedStep
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, Reject, Retry, Stage, fan_in, stage
from lineal.stages.pipeline import Invocation, Wrapper, compose
from lineal.stages.pipeline.binding import Binding
from lineal.stages.retry import RetryPolicy
from lineal.stages.runner import RunnerSettings, StageRunner
from lineal.stages.state import StoredState
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, decode, first_event
from lineal_schemas.failures import DeadLetter, EventFailed
from tests.conformance.workload import Done, Joined, Piece, Task
from tests.long import examples
from tests.stages.attempting import executor_of
from tests.stages.scripted import Noted, PassingOn, ScriptedSubscription

Kind = Literal["pure", "state", "batch", "fan-in"]
Place = Literal["before", "after", "store", "objects", "function"]
KEYS = "abcd"
ATTEMPTS = 3
OF_FAILURES = (dead_letter_topic("work"), EventFailed.type)
FOR_GOOD = 1_000
OUTAGES = (StoreUnavailable, BusUnavailable)


class Fault(NamedTuple):
    """Something goes wrong at a place, at one of the times it is passed and those that follow."""

    place: Place
    wrapper: int
    """Which of the list, for a place before or after the function."""
    at: int
    times: int
    error: type[BaseException]


class Plan(NamedTuple):
    """How a scenario goes."""

    kind: Kind
    keys: str
    """Of the events, by their number."""
    fault: Fault
    poison: frozenset[int]
    """Numbers of events that the function always fails for."""
    stops_after: int | None
    """The runner is stopped when so many are committed, and another goes on."""
    drain_seconds: float
    """How long it may take to end then; what has begun is cancelled."""
    lost: int | None
    """The number of an event that the first commit is refused for."""


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    place: Place = draw(st.sampled_from(("before", "after", "store", "objects", "function")))
    errors: list[type[BaseException]] = [*OUTAGES, ValueError, asyncio.CancelledError]
    if place == "function":
        errors += [Reject, Retry]
    error = draw(st.sampled_from(errors))
    # An outage that never ends, or a stage that asks for patience for ever, is waited for.
    for_good = error not in (*OUTAGES, Retry)
    times = draw(st.sampled_from((1, 2, ATTEMPTS, FOR_GOOD) if for_good else (1, 2, 7)))
    return Fault(place, draw(st.integers(0, 6)), draw(st.integers(0, 5)), times, error)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    keys = draw(st.text(KEYS, min_size=1, max_size=8))
    numbers = st.integers(0, len(keys) - 1)
    return Plan(
        draw(st.sampled_from(("pure", "state", "batch", "fan-in"))),
        keys,
        draw(faults()),
        draw(st.frozensets(numbers, max_size=2)),
        draw(st.none() | numbers),
        draw(st.sampled_from((0, 30))),
        draw(st.none() | numbers),
    )


class Injector:
    """Raises what a fault is to raise, when it is its turn."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._passed = 0

    def pass_by(self, place: Place, wrapper: int = 0) -> None:
        """Somebody passes a place."""
        fault = self._fault
        if place != fault.place or (place in ("before", "after") and wrapper != fault.wrapper):
            return
        self._passed += 1
        if fault.at < self._passed <= fault.at + fault.times:
            raise fault.error("injected")


@dataclass
class FailingWrapper:
    """A wrapper that fails before its part, or after it has done it."""

    wrapper: Wrapper
    number: int
    injector: Injector

    async def before(self, invocations: Sequence[Invocation]) -> None:
        await self.wrapper.before(invocations)
        self.injector.pass_by("before", self.number)

    async def after(self, invocations: Sequence[Invocation]) -> None:
        await self.wrapper.after(invocations)
        self.injector.pass_by("after", self.number)


class FailingStore:
    """A store, the reading of which fails."""

    def __init__(self, store: Any, injector: Injector) -> None:
        self._store = store
        self._injector = injector

    async def read(self, work: Any) -> Any:
        self._injector.pass_by("store")
        return await self._store.read(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class FailingObjects(FailingStore):
    """An object store, the same."""

    async def get(self, ref: Any) -> bytes:
        self._injector.pass_by("objects")
        data: bytes = await self._store.get(ref)
        return data


class Recording(ScriptedSubscription):
    """Applies effects to the store, and notes what was committed."""

    def __init__(self, runtime: Runtime, plan: Plan) -> None:
        super().__init__()
        self._runtime = runtime
        self._plan = plan
        self.outputs: list[tuple[str, RawEvent]] = []
        self.records: list[RecordedStep] = []
        self.dropped: list[int] = []
        self.ended: Noted[int] = Noted()
        """What was committed or refused."""

    async def commit(self, batch: Batch) -> None:
        lost = [item for item in batch.acks if item.position.offset == self._plan.lost]
        if lost and not self.dropped:
            self.dropped.append(lost[0].position.offset)
            self.ended.note(*self.dropped)
            raise AssignmentLost(lost)

        def write(connection: Connection) -> None:
            apply(connection, batch.effects)

        await self._runtime.store.write(write)
        self.outputs += batch.outputs
        for effect in batch.effects:
            if isinstance(effect, LineageRecord):
                self.records += parse_record(effect.canonical).recorded()
        await super().commit(batch)
        self.ended.note(*(item.position.offset for item in batch.acks))


def work_of(plan: Plan, injector: Injector) -> Stage:
    """The stage of a plan."""

    def fail(number: int) -> None:
        injector.pass_by("function")
        if number in plan.poison:
            raise Reject("poison")

    if plan.kind == "fan-in":

        @fan_in("work", version="1", produces=Joined)
        async def join(parts: Sequence[Piece]) -> Joined:
            injector.pass_by("function")
            indexes = tuple(part.index for part in parts)
            return Joined(key=parts[0].key, group_id=parts[0].group_id, indexes=indexes)

        return join
    if plan.kind == "batch":

        @stage("work", version="1", produces=Done, batch=3)
        async def batch(tasks: list[Task]) -> list[Done]:
            for task in tasks:
                fail(task.number)
            return [Done(key=task.key, number=task.number) for task in tasks]

        return batch

    @stage("work", version="1", produces=Done, memo=plan.kind == "pure")
    async def work(task: Task, ctx: Context) -> Done:
        text = ""
        if plan.kind == "state":
            count = await ctx.state.get(task.key, int) or 0
            await ctx.state.put(task.key, count + 1)
            text = f"{count}"
        await ctx.objects.get(await ctx.objects.put(b"%d" % task.number, "text/plain", "part"))
        if task.number % 2:
            await asyncio.sleep(0)
        fail(task.number)
        return Done(key=task.key, number=task.number, text=text)

    return work


def deliveries_of(plan: Plan) -> list[Delivery]:
    if plan.kind == "fan-in":
        counts = Counter(plan.keys)
        seen: Counter[str] = Counter()
        payloads: list[Task | Piece] = []
        for key in plan.keys:
            payloads.append(Piece(group_id=key, index=seen[key], count=counts[key], key=key))
            seen[key] += 1
    else:
        payloads = [Task(key=key, number=number) for number, key in enumerate(plan.keys)]
    return [
        Delivery(
            Position(payload.type, 0, number),
            first_event(payload, id=f"event-{number}", source="test:x"),
        )
        for number, payload in enumerate(payloads)
    ]


async def run(plan: Plan, folder: Path) -> Recording:
    """Handle all events of a plan, by one runner or by two, one after the other."""
    injector = Injector(plan.fault)

    def pipeline(binding: Binding) -> Sequence[Wrapper]:
        return [FailingWrapper(item, n, injector) for n, item in enumerate(compose(binding))]

    async def no_pause(seconds: float) -> None:
        await asyncio.sleep(0)

    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        store = FailingStore(runtime.store, injector)
        executor = executor_of(
            runtime, work_of(plan, injector), pause=no_pause, pipeline=pipeline,
            store=store, state=StoredState(store),
            objects=FailingObjects(runtime.objects, injector),
        )  # fmt: skip
        subscription = Recording(runtime, plan)
        left = deliveries_of(plan)
        count = len(left) if plan.stops_after is None else plan.stops_after
        while left:
            # Each time as from a bus: what was not committed, in its order.
            subscription.coming = asyncio.Queue()
            subscription.coming.put_nowait(left)
            settings = RunnerSettings(
                lanes=3, retry=RetryPolicy(attempts=ATTEMPTS), drain_seconds=plan.drain_seconds
            )
            runner = StageRunner(executor, PassingOn(), settings)
            running = asyncio.create_task(runner.run(subscription))
            await subscription.ended.until(count)
            runner.stop()
            await running
            left = [item for item in left if item.position.offset not in subscription.committed]
            count = len(subscription.ended) + len(left)
    return subscription


def run_plan(plan: Plan) -> Recording:
    with capture_logs(), TemporaryDirectory() as folder:
        return asyncio.run(run(plan, Path(folder)))


@settings(max_examples=examples(60))
@given(plans())
def test_each_event_ends_in_one_result_or_one_dead_letter(plan: Plan) -> None:
    subscription = run_plan(plan)
    count = len(plan.keys)
    assert sorted(subscription.committed) == list(range(count)), "each is acknowledged once"
    if not subscription.dropped:
        for key in KEYS:
            of_key = [n for n in subscription.committed if plan.keys[n] == key]
            assert of_key == sorted(of_key), "out of order"
    letters = [
        payload.offset
        for topic, event in subscription.outputs
        if topic == dead_letter_topic("work")
        and isinstance(payload := decode(event).data, DeadLetter)
    ]
    outputs = [
        decode(event).data for topic, event in subscription.outputs if topic not in OF_FAILURES
    ]
    given_up = {
        event_id
        for record in subscription.records
        if record.outcome in ("failed", "rejected")
        for event_id in record.events_out
    }
    assert len(letters) == len(set(letters))
    assert given_up == {e.id for topic, e in subscription.outputs if topic in OF_FAILURES}
    assert len(letters) == sum(topic == EventFailed.type for topic, _ in subscription.outputs)
    assert len({event.id for _, event in subscription.outputs}) == len(subscription.outputs)
    harmless = plan.fault.times < ATTEMPTS or plan.fault.error in (*OUTAGES, Retry)
    if harmless and plan.fault.error is not Reject:
        expected = set() if plan.kind == "fan-in" else plan.poison
        assert set(letters) == expected, "what passes costs no event"
    if plan.kind == "fan-in":
        joined = [item for item in outputs if isinstance(item, Joined)]
        assert len(joined) == len({item.key for item in joined})
        whole = {plan.keys[n] for n in range(count)} - {plan.keys[n] for n in letters}
        assert {item.key for item in joined} == whole
        return
    numbers = [item.number for item in outputs if isinstance(item, Done)]
    assert sorted([*numbers, *letters]) == list(range(count))
    assert len(subscription.records) == count
    for record in subscription.records:
        assert record.events_out
        assert set(record.events_out) <= {event.id for _, event in subscription.outputs}
    if plan.kind == "state":
        for key in KEYS:
            seen = [int(i.text) for i in outputs if isinstance(i, Done) and i.key == key]
            assert sorted(seen) == list(range(len(seen))), "each counts once"
