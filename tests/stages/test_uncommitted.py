"""Events of a key begin before those before them are committed, and see what these have changed;
whatever becomes of the commits, the result is that of handling one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from lineal.bus.protocol import AssignmentLost, Batch, Delivery, Position
from lineal.committing import StoreFirstCommitter, TransactionCommitter
from lineal.effects.effect import apply
from lineal.effects.state import StateChange, keep_found
from lineal.errors import BusUnavailable
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, Stage, stage
from lineal.stages.retry import RetryPolicy
from lineal.stages.runner import RunnerSettings, StageRunner
from lineal.stages.state import StateRow, state_rows
from lineal_schemas.envelope import RawEvent, decode, first_event
from lineal_schemas.failures import DeadLetter
from lineal_schemas.payload import Payload
from tests.conformance.harness import events_on, publish, running, until_settled

KEYS = "ab"
NAMES = "xy"
QUICK = RetryPolicy(attempts=2, first_seconds=0.0, max_seconds=0.0)


class Step(Payload, type="test.uncommitted.step", version=1):
    key: str
    number: int
    name: str
    action: str

    def partition_key(self) -> str:
        return self.key


class Seen(Payload, type="test.uncommitted.seen", version=1):
    key: str
    number: int
    found: tuple[tuple[str, str], ...]
    claimed: bool

    def partition_key(self) -> str:
        return self.key


@stage("uncommitted", version="1", produces=Seen, memo=False)
async def uncommitted(step: Step, ctx: Context) -> Seen:
    """Says all that it finds in the state of its key, before it changes a part of it."""
    prefix = f"{step.key}."
    found = await ctx.state.items(prefix, str)
    claimed = await ctx.claim(f"{prefix}{step.name}")
    one = await ctx.state.get(prefix + step.name, str)
    assert one == dict(found).get(prefix + step.name)
    if step.action == "delete":
        await ctx.state.delete(prefix + step.name)
    elif step.action != "look":
        await ctx.state.put(prefix + step.name, f"{one or ''}{step.number};")
    if step.action == "wait":
        await asyncio.sleep(0)
    if step.action == "fail":
        raise ValueError("told to")
    return Seen(key=step.key, number=step.number, found=tuple(found), claimed=claimed)


@stage("uncommitted_batches", version="1", produces=Seen, memo=False)
async def uncommitted_batches(steps: list[Step], ctx: Context) -> list[Seen | None]:
    """The same for events that are given together, each with a context of its own."""
    await ctx.look_up([[f"{step.key}.{step.name}"] for step in steps])
    return [await _of_one(step, own) for step, own in zip(steps, ctx.each, strict=True)]


async def _of_one(step: Step, ctx: Context) -> Seen | None:
    try:
        return await uncommitted(step, ctx)
    except ValueError as error:
        ctx.fail(error)
        return None


class Planned(NamedTuple):
    """How a scenario goes."""

    steps: tuple[tuple[str, str, str], ...]
    """Key, name and action of each event."""
    again: tuple[int, ...]
    """Numbers of events that are published once more, after all the others."""
    outcomes: tuple[str, ...]
    """Of the commits on the bus, in their order; those that follow are done."""
    portions: tuple[int, ...]
    """How many events are fetched at once."""


@st.composite
def plans(draw: st.DrawFn) -> Planned:
    actions = st.sampled_from(["put", "put", "put", "look", "delete", "wait", "fail"])
    step = st.tuples(st.sampled_from(KEYS), st.sampled_from(NAMES), actions)
    steps = tuple(draw(st.lists(step, min_size=1, max_size=12)))
    number = st.integers(0, len(steps) - 1)
    outcomes = st.sampled_from(["done", "away", "refused", "lost", "crash"])
    return Planned(
        steps,
        tuple(draw(st.lists(number, max_size=2, unique=True))),
        tuple(draw(st.lists(outcomes, max_size=6))),
        tuple(draw(st.lists(st.integers(1, 6), min_size=3, max_size=3))),
    )


class Crashed(BaseException):
    """The process ends here."""


class ScriptedBus:
    """One partition, whose commits end as planned; what is not acknowledged comes again.

    Args:
        applies: writes the effects of a batch in the transaction of the bus; None: the store was
            written before.
    """

    def __init__(
        self,
        events: Sequence[RawEvent],
        plan: Planned,
        applies: Callable[[Batch], Awaitable[None]] | None,
    ) -> None:
        self.events = [
            Delivery(Position(event.type, 0, number), event) for number, event in enumerate(events)
        ]
        self.plan = plan
        self.outcomes = list(plan.outcomes)
        self.applies = applies
        self.acked: set[int] = set()
        self.outputs: list[RawEvent] = []
        self.assignment = 0
        self.done = asyncio.Event()

    def subscribe(self) -> ScriptedSubscription:
        self.assignment += 1
        self.done.clear()
        return ScriptedSubscription(self)


class ScriptedSubscription:
    def __init__(self, bus: ScriptedBus) -> None:
        self.bus = bus
        self.crashed = asyncio.Event()
        self.portions = list(bus.plan.portions)
        self.left = self._unacked()

    def _unacked(self) -> list[Delivery]:
        return [
            item._replace(assignment=self.bus.assignment)
            for item in self.bus.events
            if item.position.offset not in self.bus.acked
        ]

    async def fetch(self, limit: int, seconds: float) -> list[Delivery]:
        if not self.left:
            await asyncio.sleep(0.001)
            return []
        size = min(limit, self.portions.pop(0) if self.portions else 100)
        given, self.left = self.left[:size], self.left[size:]
        return given

    def check_assigned(self, deliveries: Sequence[Delivery]) -> None:
        outdated = [item for item in deliveries if item.assignment != self.bus.assignment]
        if outdated:
            raise AssignmentLost(outdated)

    async def commit(self, batch: Batch) -> None:
        bus = self.bus
        outcome = bus.outcomes.pop(0) if bus.outcomes else "done"
        if self.crashed.is_set() or outcome == "crash":
            self.crashed.set()
            raise BusUnavailable("the process is no more")
        self.check_assigned(batch.acks)
        if outcome == "lost":
            # The partition is lost, and assigned to this worker once more.
            bus.assignment += 1
            self.left = self._unacked()
            raise AssignmentLost(batch.acks)
        if outcome == "away":
            raise BusUnavailable("away")
        if outcome == "refused" and len(batch.acks) > 1:
            raise ValueError("too large")
        if bus.applies is not None:
            await bus.applies(batch)
        assert not bus.acked & {item.position.offset for item in batch.acks}
        bus.acked |= {item.position.offset for item in batch.acks}
        bus.outputs += [event for _, event in batch.outputs]
        if len(bus.acked) == len(bus.events):
            bus.done.set()

    def release(self, deliveries: Sequence[Delivery]) -> None:
        """They come again with the next subscription."""

    async def close(self) -> None:
        """There is no broker."""


def one_after_the_other(plan: Planned) -> tuple[dict[str, str], list[Seen]]:
    """The plain model: the state in the end, and what each event has found."""
    state: dict[str, str] = {}
    claims: set[str] = set()
    seen = []
    for number, (key, name, action) in enumerate(plan.steps):
        if action == "fail":
            continue
        full = f"{key}.{name}"
        found = tuple(sorted(item for item in state.items() if item[0].startswith(f"{key}.")))
        seen.append(Seen(key=key, number=number, found=found, claimed=full not in claims))
        claims.add(full)
        if action == "delete":
            state.pop(full, None)
        elif action != "look":
            state[full] = f"{state.get(full, '')}{number};"
    return state, seen


async def run(
    plan: Planned, runtime: Runtime, scenario: str, stage: Stage, *, store_first: bool
) -> ScriptedBus:
    def event(number: int) -> RawEvent:
        key, name, action = plan.steps[number]
        payload = Step(key=key, number=number, name=name, action=action)
        return first_event(payload, id=f"{scenario}{number}", source="test:uncommitted")

    events = [event(number) for number in (*range(len(plan.steps)), *plan.again)]

    async def applies(batch: Batch) -> None:
        await runtime.store.write(lambda connection: apply(connection, batch.effects))

    bus = ScriptedBus(events, plan, None if store_first else applies)
    while len(bus.acked) < len(events):
        subscription = bus.subscribe()
        committer = (
            StoreFirstCommitter(runtime.bus, runtime.store)
            if store_first
            else TransactionCommitter(runtime.bus)
        )
        limits = RunnerSettings(retry=QUICK, linger_seconds=0.01, drain_seconds=0.0)
        runner = StageRunner(runtime.bind(stage), committer, limits)
        at_work = asyncio.create_task(runner.run(subscription))
        waits = [asyncio.create_task(waited.wait()) for waited in (bus.done, subscription.crashed)]
        async with asyncio.timeout(180):
            await asyncio.wait((*waits, at_work), return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            runner.stop()
            await at_work
    return bus


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def runtime(
    loop: asyncio.AbstractEventLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    """One for all plans: to make a store takes longer than all the rest."""
    opened = open_runtime(Settings(data=tmp_path_factory.mktemp("data")))
    yield loop.run_until_complete(opened.__aenter__())
    loop.run_until_complete(opened.__aexit__(None, None, None))


_numbers = count()


@pytest.mark.parametrize("store_first", [False, True])
@pytest.mark.parametrize("stage", [uncommitted, uncommitted_batches])
@given(plan=plans())
@settings(deadline=None, max_examples=100)
def test_the_result_is_that_of_one_event_after_the_other(
    loop: asyncio.AbstractEventLoop,
    runtime: Runtime,
    stage: Stage,
    store_first: bool,
    plan: Planned,
) -> None:
    scenario = f"{next(_numbers)} "
    plan = plan._replace(
        steps=tuple((scenario + key, name, action) for key, name, action in plan.steps)
    )

    async def outcome() -> tuple[ScriptedBus, dict[str, str]]:
        bus = await run(plan, runtime, scenario, stage, store_first=store_first)
        rows = await runtime.store.read(lambda c: state_rows(c, stage.name, scenario))
        state = {key: row.after for key, row in rows if row.after is not None}
        return bus, {key: value.decode().strip('"') for key, value in state.items()}

    with capture_logs():
        bus, state = loop.run_until_complete(outcome())
    expected_state, expected_seen = one_after_the_other(plan)
    assert state == expected_state
    outputs = [event for event in bus.outputs if event.type == Seen.type]
    seen: list[Any] = [decode(event).data for event in outputs]
    assert sorted(seen, key=lambda item: item.number) == expected_seen
    dead = [event for event in bus.outputs if event.type == DeadLetter.type]
    assert len(dead) == sum(action == "fail" for _, _, action in plan.steps)


def test_an_event_that_is_published_once_more_finds_what_others_have_left() -> None:
    """Also where it was committed together with them before, as one that waits to be tried again
    and is published once more meanwhile; delivered again after a crash, it finds what it found."""
    change = StateChange("s", "x", "second", None, None, b"1", at=1)
    events = [("first", "t/0/3"), ("second", "t/0/4")]
    (kept,) = keep_found([change], [events])
    assert isinstance(kept, StateChange)
    row = StateRow(kept.event_id, kept.before, kept.after, kept.found)
    assert row.seen_by("first", "t/0/3") is None
    assert row.seen_by("first", "redrive.s/0/0") == b"1"
    assert row.seen_by("second", "t/0/4") is None


@stage("uncommitted_asking", version="1", produces=Seen, memo=False)
async def asking(step: Step, ctx: Context) -> Seen:
    """Asks the store itself, which knows what is committed."""
    await ctx.state.put(step.key, step.number)
    rows = await ctx.query(lambda connection: state_rows(connection, "uncommitted_asking", ""))
    found = tuple((key, (row.after or b"").decode()) for key, row in rows)
    return Seen(key=step.key, number=step.number, found=found, claimed=False)


def test_a_question_to_the_store_waits_for_the_commit_of_earlier_events(
    loop: asyncio.AbstractEventLoop, runtime: Runtime
) -> None:
    steps = [Step(key="asked", number=number, name="x", action="put") for number in range(6)]

    async def outcome() -> list[RawEvent]:
        async with asyncio.timeout(180):
            await publish(runtime, *steps)
            async with running(runtime, asking):
                await until_settled(runtime, "uncommitted_asking")
        return await events_on(runtime, Seen.type)

    events = loop.run_until_complete(outcome())
    seen: list[Any] = [decode(event).data for event in events]
    assert {item.number: item.found for item in seen if item.key == "asked"} == {
        number: (("asked", str(number - 1)),) if number else () for number in range(6)
    }
