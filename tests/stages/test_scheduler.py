"""What the scheduler begins, and when: within a key in order, and each event handled once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lineal.bus.protocol import Delivery
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages import stage
from lineal.stages.batch_source import BatchSource
from lineal.stages.executor import StageExecutor
from lineal.stages.pipeline import Invocation
from lineal.stages.result import StepResult
from lineal.stages.retry import RetryPolicy
from lineal.stages.scheduler import Scheduler
from tests.conformance.workload import Done, Task
from tests.stages.scripted import delivery

KEYS = "abcde"


class HeldExecutor:
    """Handles each event when it is told to, well or not."""

    def __init__(self, *, memo: bool, batch_size: int) -> None:
        self.stage = SimpleNamespace(
            memo=memo, on_failure="go on", name="work", fan_in=False, calls=(), handlers={}
        )
        self.batch_size = batch_size
        self.begun: list[int] = []
        self.gates: dict[int, asyncio.Future[bool]] = {}
        """Of events whose function was called and waits: whether it goes well."""
        self.recovering: dict[int, asyncio.Future[None]] = {}

    async def work(self, source: BatchSource) -> None:
        while deliveries := source.begin_batch(self.batch_size):
            for item in deliveries[1:]:
                source.start_task(self._call(item, source))
            await self._call(deliveries[0], source)

    async def _call(self, item: Delivery, source: BatchSource) -> None:
        number = item.position.offset
        self.begun.append(number)
        self.gates[number] = asyncio.get_running_loop().create_future()
        well = await self.gates[number]
        del self.gates[number]
        if well:
            source.ended([StepResult(item)], [])
        else:
            source.ended([], [cast(Invocation, SimpleNamespace(delivery=item))])

    async def recover(self, failed: Invocation, retry: RetryPolicy) -> StepResult:
        number = failed.delivery.position.offset
        self.recovering[number] = asyncio.get_running_loop().create_future()
        await self.recovering[number]
        del self.recovering[number]
        return StepResult(failed.delivery)


class Machine(RuleBasedStateMachine):
    """A scheduler against one queue per key."""

    @initialize(lanes=st.integers(1, 4), memo=st.booleans(), batch_size=st.integers(1, 3))
    def begin(self, lanes: int, memo: bool, batch_size: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.lanes, self.memo = lanes, memo
        self.executor = HeldExecutor(memo=memo, batch_size=batch_size)
        self.finished: list[int] = []
        self.given_back: list[int] = []
        self.keys: list[str] = []
        self.scheduler = Scheduler(cast(StageExecutor, self.executor), lanes, RetryPolicy())

    def turn(self) -> None:
        """Let everything run until it waits."""

        async def idle() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        self.loop.run_until_complete(idle())

    def in_loop(self, function: Any, *arguments: Any) -> Any:
        async def call() -> Any:
            return function(*arguments)

        found = self.loop.run_until_complete(call())
        self.turn()
        return found

    @rule(keys=st.text(KEYS, min_size=1, max_size=6))
    def add(self, keys: str) -> None:
        items = [
            delivery(number, key, partition=number % 2)
            for number, key in enumerate(keys, len(self.keys))
        ]
        self.keys += keys
        self.in_loop(self.add_to_lanes, items)

    def add_to_lanes(self, items: Sequence[Delivery]) -> None:
        self.scheduler.lanes.add(items)
        self.scheduler.wake()

    @rule(data=st.data(), well=st.booleans())
    def end_a_call(self, data: st.DataObject, well: bool) -> None:
        if self.executor.gates:
            number = data.draw(st.sampled_from(sorted(self.executor.gates)))
            self.in_loop(self.executor.gates[number].set_result, well)

    @rule(data=st.data())
    def recover(self, data: st.DataObject) -> None:
        if self.executor.recovering:
            number = data.draw(st.sampled_from(sorted(self.executor.recovering)))
            self.in_loop(self.executor.recovering[number].set_result, None)

    @rule(count=st.integers(1, 4))
    def commit(self, count: int) -> None:
        done, self.scheduler.handled[:] = (
            self.scheduler.handled[:count], self.scheduler.handled[count:]
        )  # fmt: skip
        self.finished += [result.delivery.position.offset for result in done]
        self.in_loop(self.scheduler.finish, done)

    @rule(partition=st.integers(0, 1))
    def give_up_a_partition(self, partition: int) -> None:
        taken = self.in_loop(
            self.scheduler.lanes.take_waiting, lambda item: item.position.partition == partition
        )
        self.given_back += [item.position.offset for item in taken]

    @property
    def under_way(self) -> list[int]:
        return [*self.executor.gates, *self.executor.recovering]

    @property
    def uncommitted(self) -> list[int]:
        return [result.delivery.position.offset for result in self.scheduler.handled]

    @invariant()
    def each_begins_once_and_in_order(self) -> None:
        begun = self.executor.begun
        assert len(begun) == len(set(begun))
        assert not set(begun) & set(self.given_back)
        for key in KEYS:
            of_key = [number for number in begun if self.keys[number] == key]
            assert of_key == sorted(of_key)

    @invariant()
    def no_key_and_no_lane_is_used_twice(self) -> None:
        assert len(self.under_way) <= self.lanes
        holding = self.under_way + ([] if self.memo else self.uncommitted)
        keys = [self.keys[number] for number in holding]
        assert len(keys) == len(set(keys))

    @invariant()
    def whatever_may_begin_has_begun(self) -> None:
        waiting = set(range(len(self.keys))) - {*self.executor.begun, *self.given_back}
        holding = self.under_way + ([] if self.memo else self.uncommitted)
        held = {self.keys[number] for number in holding}
        free = {self.keys[number] for number in waiting} - held
        assert not free or len(self.under_way) == self.lanes

    @invariant()
    def size_counts_what_is_not_finished(self) -> None:
        gone = len(self.finished) + len(self.given_back)
        assert self.scheduler.size == len(self.keys) - gone

    def teardown(self) -> None:
        """What did not end is given back, and nothing else."""
        if not hasattr(self, "scheduler"):
            return
        under_way, begun = sorted(self.under_way), len(self.executor.begun)
        left = self.loop.run_until_complete(self.scheduler.drain(0))
        assert sorted(item.position.offset for item in left) == under_way
        assert len(self.executor.begun) == begun, "nothing more is begun"
        self.loop.close()


TestScheduler = Machine.TestCase


class Clock:
    """A clock that goes on when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_others_have_the_loop_when_events_have_taken_their_time(tmp_path: Path) -> None:
    """What is being committed waits for answers: 64 events of 10 ms would keep it from them for
    640 ms."""
    clock = Clock()
    turns, turn_of_event = 0, []

    @stage("work", version="1", produces=Done)
    async def work(task: Task) -> Done:
        turn_of_event.append(turns)
        clock.now += 0.01
        return Done(key=task.key, number=task.number)

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        scheduler = Scheduler(runtime.bind(work), 100, RetryPolicy(), clock=clock)
        counting = asyncio.create_task(count_turns())
        scheduler.lanes.add(delivery(number, key=f"{number}") for number in range(20))
        scheduler.wake()
        async with asyncio.timeout(180):
            while len(turn_of_event) < 20:
                await scheduler.some_handled.wait()
                scheduler.take_handled()
        counting.cancel()
        assert len(set(turn_of_event)) == 20
        assert await scheduler.drain(10) == []
