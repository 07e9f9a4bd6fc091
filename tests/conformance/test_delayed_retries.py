"""What fails is tried again after a delay, and nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from lineal import Dependency
from lineal.bus.topic_names import redrive_topic
from lineal.dead_letters import LetterFilter, redrive, waiting_letters
from lineal.delayed_retries import DelayedFilter, delayed_events, drop_delayed, retry_now
from lineal.effects.retries import waiting_retries
from lineal.runtime import Runtime
from lineal.stages import Context, Stage, stage
from lineal.stages.timers import TimerClock
from lineal_schemas.envelope import now_us
from tests.conformance.harness import (
    PATIENCE_SECONDS,
    BusUnderTest,
    events_on,
    numbers_by_key,
    payload_of,
    publish,
    records,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Action, Done, Task

ANY = LetterFilter()
HOUR_US = 3_600_000_000


def patient(broken: set[int], *, memo: bool = False, **options: Any) -> Stage:
    """A stage that cannot handle some tasks of the key a, and counts those of each key."""

    @stage("patient", version="1", produces=Done, memo=memo, **options)
    async def handle(task: Task, ctx: Context) -> Done:
        if task.key == "a" and task.number in broken:
            raise ValueError(f"cannot do {task.number}")
        if memo:
            return Done(key=task.key, number=task.number)
        count = (await ctx.state.get(task.key, int) or 0) + 1
        await ctx.state.put(task.key, count)
        return Done(key=task.key, number=task.number, text=str(count))

    return handle


@contextlib.asynccontextmanager
async def ticking(runtime: Runtime, *stages: str) -> AsyncIterator[None]:
    """The timers of stages go off, as in a daemon, but are looked at more often."""
    clock = TimerClock(runtime.store, runtime.bus, stages)

    async def tick() -> None:
        while True:
            await clock.look()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def fire(runtime: Runtime, stage: str, at: int) -> None:
    """What is due at a time comes back."""
    clock = TimerClock(runtime.store, runtime.bus, [stage], lambda: at)
    while await clock.look():
        pass


async def until_letters(runtime: Runtime, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(await waiting_letters(runtime, ANY)) < count:
            await asyncio.sleep(0.02)


async def test_an_event_that_failed_comes_back_and_nobody_waits_for_it(bus: BusUnderTest) -> None:
    broken = {2}
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key=key, number=n) for n in range(1, 5) for key in "ab"))
        async with running(runtime, patient(broken, retry_delays=["1h", "2h"])):
            await until_settled(runtime, "patient")
            made = numbers_by_key(await events_on(runtime, Done.type))
            assert made == {"a": [1, 3, 4], "b": [1, 2, 3, 4]}
            assert await waiting_letters(runtime, ANY) == []
            begun = now_us()
            (waiting,) = (await runtime.store.read(waiting_retries)).values()
            assert waiting.events == 1
            assert begun < waiting.next_due == waiting.last_due < begun + HOUR_US
            # It fails once more, and is done at its third attempt.
            await fire(runtime, "patient", begun + HOUR_US)
            await until_settled(runtime, "patient")
            broken.clear()
            await fire(runtime, "patient", begun + 2 * HOUR_US)
            assert numbers_by_key(await events_on(runtime, Done.type))["a"] == [1, 3, 4], "not due"
            await fire(runtime, "patient", begun + 4 * HOUR_US)
            done = await until_events(runtime, Done.type, 8)
            await until_settled(runtime, "patient")
        assert await runtime.store.read(waiting_retries) == {}
        assert [payload_of(event).text for event in done if payload_of(event).key == "a"] == [
            "1", "2", "3", "4",
        ], "each counted once"  # fmt: skip
        attempts = [
            (entry.outcome, entry.attempt, entry.error, dict(entry.attributes))
            for entry in await records(runtime, "task:a")
            if entry.attempt > 1 or entry.error
        ]
        # The clock of the timers was turned, and not that of who handles them.
        waited = [attributes.get("delayed_seconds") for *_, attributes in attempts[1:]]
        assert await events_on(runtime, Task.type) and len(await events_on(runtime, Task.type)) == 8
    assert all(isinstance(seconds, int) and seconds < 3_600 for seconds in waited)
    assert attempts == [
        ("delayed", 1, "ValueError", {"next_attempt_seconds": 3600}),
        (
            "delayed", 2, "ValueError",
            {"delays": 1, "delayed_seconds": waited[0], "next_attempt_seconds": 7200},
        ),
        ("done", 3, None, {"delays": 2, "delayed_seconds": waited[1]}),
    ]  # fmt: skip


async def test_after_the_last_delay_it_is_a_dead_letter_that_can_be_redriven(
    bus: BusUnderTest,
) -> None:
    broken = {1}
    delayed = patient(broken, memo=True, retry_delays=(0.01, 0.02))
    async with bus.open() as runtime:
        await publish(runtime, Task(key="a", number=1))
        async with running(runtime, delayed), ticking(runtime, "patient"):
            await until_letters(runtime, 1)
            (first,) = await waiting_letters(runtime, ANY)
            assert (first.content.error_class, first.content.attempts) == ("ValueError", 3)
            await redrive(runtime, [first])
            await until_settled(runtime, "patient")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while [letter.id for letter in await waiting_letters(runtime, ANY)] in (
                    [], [first.id],
                ):  # fmt: skip
                    await asyncio.sleep(0.02)
            (second,) = await waiting_letters(runtime, ANY)
            assert second.content.attempts == 3, "redriven, it begins anew"
            broken.clear()
            await redrive(runtime, [second])
            await until_events(runtime, Done.type, 1)
            await until_settled(runtime, "patient")
        assert await waiting_letters(runtime, ANY) == []
        assert len(await events_on(runtime, Done.type)) == 1


async def test_published_again_while_it_waits_or_later_it_counts_once(bus: BusUnderTest) -> None:
    broken = {1}
    async with bus.open() as runtime:
        task = Task(key="a", number=1)
        await publish(runtime, task)
        async with running(runtime, patient(broken, retry_delays=["1h"])):
            await until_settled(runtime, "patient")
            broken.clear()
            await publish(runtime, task)
            await publish(runtime, Task(key="a", number=2))
            await until_events(runtime, Done.type, 1)
            await until_settled(runtime, "patient")
            await fire(runtime, "patient", now_us() + HOUR_US)
            await until_events(runtime, Done.type, 2)
            await publish(runtime, task)
            await publish(runtime, Task(key="a", number=3))
            await until_events(runtime, Done.type, 3)
            await until_settled(runtime, "patient")
        done = [payload_of(event) for event in await events_on(runtime, Done.type)]
    assert [(item.number, item.text) for item in done] == [(2, "1"), (1, "2"), (3, "3")]


async def test_while_a_dependency_is_away_events_wait_and_no_attempt_is_used_up(
    bus: BusUnderTest,
) -> None:
    away = Dependency(name="service", failures=2, open_seconds=0.1)
    calls: list[int] = []

    async def ask(number: int) -> None:
        calls.append(number)
        if len(calls) <= 12:
            raise ConnectionError

    @stage("asks", version="1", produces=Done, memo=False, calls=[away])
    async def asks(task: Task, ctx: Context) -> Done:
        await ctx.call("service", ask, task.number)
        return Done(key=task.key, number=task.number)

    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="abc"[n % 3], number=n) for n in range(6)))
        async with running(runtime, asks):
            await until_events(runtime, Done.type, 6)
            await until_settled(runtime, "asks")
        made = numbers_by_key(await events_on(runtime, Done.type))
        assert made == {"a": [0, 3], "b": [1, 4], "c": [2, 5]}, "in order"
        assert await waiting_letters(runtime, ANY) == []
        steps = [step for key in "abc" for step in await records(runtime, f"task:{key}")]
        assert max(step.attempt for step in steps) <= 2, (
            "only that which found it out is tried again"
        )


async def test_delayed_retries_count_once_whatever_is_killed(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        actions: dict[int, Action] = {2: "fail-once", 5: "fail-and-crash", 8: "fail-once"}
        scratch = str(bus.scratch)
        await publish(
            runtime,
            *(
                Task(key="ab"[n % 2], number=n, action=actions.get(n, "pass"), scratch=scratch)
                for n in range(12)
            ),
        )
        async with ticking(runtime, "flaky"):
            assert await bus.spawn_worker("flaky").ended() == -signal.SIGKILL
            await bus.spawn_worker("flaky").ready()
            await until_events(runtime, Done.type, 12)
            await until_settled(runtime, "flaky")
        done = [payload_of(event) for event in await events_on(runtime, Done.type)]
        assert await runtime.store.read(waiting_retries) == {}
        assert await waiting_letters(runtime, ANY) == []
    assert Counter(item.number for item in done) == Counter(range(12))
    for key in "ab":
        assert sorted(int(item.text) for item in done if item.key == key) == [1, 2, 3, 4, 5, 6]


async def test_somebody_has_one_tried_now_and_drops_another(bus: BusUnderTest) -> None:
    broken = {1, 2, 3}
    handled = patient(broken, retry_delays=["1h"])
    async with bus.open() as runtime:
        await publish(runtime, *(Task(key="a", number=n) for n in range(1, 4)))
        async with running(runtime, handled), ticking(runtime, "patient"):
            await until_settled(runtime, "patient")
            waiting = await delayed_events(runtime, DelayedFilter())
            numbers = {payload_of(item.event).number: item for item in waiting}
            assert sorted(numbers) == [1, 2, 3] and {item.attempts for item in waiting} == {1}
            broken.discard(1)
            assert await retry_now(runtime, [numbers[1]]) == [numbers[1]]
            (done,) = await until_events(runtime, Done.type, 1)
            assert await retry_now(runtime, [numbers[1]]) == [], "it waits no more"
            assert await drop_delayed(runtime, [numbers[2]]) == [numbers[2]]
            assert await drop_delayed(runtime, [numbers[2]]) == []
            # Delivered again, as by a worker that had claimed its timer, it is left out.
            broken.clear()
            again = numbers[2].event
            await runtime.bus.publish([(redrive_topic("patient"), again)])
            await until_settled(runtime, "patient")
        left = await delayed_events(runtime, DelayedFilter(stage="patient"))
        all_steps = await records(runtime, "task:a")
        steps = {(step.entry.kind, step.entry.outcome) for step in all_steps}
        assert await waiting_letters(runtime, ANY) == []
        (waited,) = [s.attributes["delayed_seconds"] for s in all_steps if s.entry.emitted]
        done_numbers = [payload_of(event).number for event in await events_on(runtime, Done.type)]
    assert payload_of(done).number == 1
    assert done_numbers == [1]
    assert int(waited) < 3_600, "it did not wait for an hour"
    assert [payload_of(item.event).number for item in left] == [3]
    assert {("retry", "done"), ("abandon", "failed")} <= steps
