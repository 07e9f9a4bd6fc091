"""Replaying what is remembered: many events at once, in order, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from lineal.bus.protocol import Delivery, Selection, Settlement
from lineal.errors import BusUnavailable, StoreUnavailable
from lineal.lineage.ledger import all_records
from lineal.replay import plan_replay, run_replay, subscription
from lineal.runtime import NoWorkers, Runtime
from lineal.stages import Stage, stage
from tests.conformance.harness import (
    events_on,
    numbers_by_key,
    payload_of,
    publish,
    records,
    running,
    until_settled,
)
from tests.conformance.workload import Done, Task


def copying(handled: list[int]) -> Stage:
    """A stage that takes longer for what it has not seen than a replay for all the rest."""

    @stage("copy", version="1", produces=Done)
    async def copy(task: Task, ctx: Any) -> Done:
        handled.append(task.number)
        await asyncio.sleep(0.02)
        return Done(key=task.key, number=task.number)

    return copy


async def remembering(runtime: Runtime, numbers: Sequence[int], keys: str = "abc") -> int:
    """Publish events and have them handled; returns how many outputs there are then."""
    await publish(runtime, *(Task(key=keys[n % len(keys)], number=n) for n in numbers))
    async with running(runtime, copying([])):
        await until_settled(runtime, "copy")
    return len(await events_on(runtime, Done.type))


async def replay(runtime: Runtime, handled: list[int]) -> Counter[str]:
    plan = await plan_replay(runtime, copying(handled), Selection())
    outcomes: Counter[str] = Counter()

    def count(more: Mapping[str, int]) -> None:
        outcomes.update(more)

    await run_replay(runtime, plan, NoWorkers(), count)
    return outcomes


@pytest.mark.parametrize("at_once", [1, 2, 7, 2_000])
async def test_what_is_remembered_does_not_overtake_what_is_not(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(subscription, "_READ_AT_ONCE", at_once)
    before = await remembering(runtime, range(6))
    # Of the same content as events that were handled, so remembered, between others that are not.
    numbers = [30, 0, 31, 1, 2, 32, 3, 33, 4, 34, 35, 5]
    await publish(runtime, *(Task(key="abc"[n % 3], number=n) for n in numbers))
    handled: list[int] = []
    outcomes = await replay(runtime, handled)
    assert sorted(handled) == [30, 31, 32, 33, 34, 35]
    assert outcomes == {"memoised": 12, "done": 6}
    again = numbers_by_key((await events_on(runtime, Done.type))[before:])
    all_numbers = [*range(6), *numbers]
    assert again == {key: [n for n in all_numbers if "abc"[n % 3] == key] for key in sorted("abc")}


async def test_many_are_on_record_together_and_each_in_its_story(runtime: Runtime) -> None:
    before = await remembering(runtime, range(250), keys="a")
    assert await replay(runtime, []) == {"memoised": 250}
    first = await events_on(runtime, Done.type)
    assert [e.id for e in first[before:]] == [e.id for e in first[:before]]
    kept = await runtime.store.read(lambda c: list(all_records(c)))
    sizes = [len(record.steps) for record in kept if record.steps[0].kind == "replay"]
    assert sizes == [64, 64, 64, 58, 1]
    (whole,) = await records(runtime, "stage:copy")
    assert whole.attributes["events"] == 250
    story = await records(runtime, "task:a")
    steps = [record.step for record in story if record.outcome == "done"]
    assert [record.step for record in story if record.kind == "replay"] == steps


@pytest.mark.parametrize("unseen", [[], [16], [14, 16]])
async def test_what_cannot_be_emitted_together_is_emitted_one_by_one(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, unseen: list[int]
) -> None:
    monkeypatch.setattr(subscription, "_READ_AT_ONCE", 8)
    runtime.settings.prefetch = 1  # so that of what is read a part waits
    numbers = list(range(18))
    before = await remembering(runtime, [n for n in numbers if n not in unseen], keys="a")
    # Those that were not seen come before others that were.
    topic = [n for n in numbers if n not in unseen] + [*unseen, 0, 1, 2]
    await publish(runtime, *(Task(key="a", number=n) for n in [*unseen, 0, 1, 2]))
    settle = runtime.bus.settle_unowned
    refused = 0

    async def too_large_together(settlements: Sequence[Settlement]) -> None:
        nonlocal refused
        for settlement in settlements:
            assert settlement.record is not None
            numbers = [payload_of(event).number for _, event in settlement.outputs]
            if settlement.record.steps[0].kind == "replay" and 17 in numbers:
                refused += 1
                raise ValueError("too large")
        await settle(settlements)

    monkeypatch.setattr(runtime.bus, "settle_unowned", too_large_together)
    handled: list[int] = []
    outcomes = await replay(runtime, handled)
    assert (handled, refused) == (unseen, 1)
    assert outcomes["memoised"] == len(topic) - len(unseen)
    assert numbers_by_key((await events_on(runtime, Done.type))[before:]) == {"a": topic}


async def test_a_bus_that_is_away_for_a_while_loses_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await remembering(runtime, range(9))
    settle = runtime.bus.settle_unowned
    attempts = 0

    async def away(settlements: Sequence[Settlement]) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise BusUnavailable("away")
        await settle(settlements)

    monkeypatch.setattr(runtime.bus, "settle_unowned", away)
    assert await replay(runtime, []) == {"memoised": 9}
    assert len(await events_on(runtime, Done.type)) == before + 9
    kept = await runtime.store.read(lambda c: list(all_records(c)))
    assert [len(record.steps) for record in kept if record.steps[0].kind == "replay"] == [9, 1]


async def test_a_store_that_is_away_for_a_moment_loses_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remembering(runtime, range(9))
    plan = await plan_replay(runtime, copying([]), Selection())
    read = runtime.store.read
    asked = 0

    async def away(work: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise StoreUnavailable("away")
        return await read(work)

    monkeypatch.setattr(runtime.store, "read", away)
    outcomes: Counter[str] = Counter()
    await run_replay(runtime, plan, NoWorkers(), outcomes.update)
    assert outcomes == {"memoised": 9}


async def test_a_replay_that_cannot_read_on_says_so(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remembering(runtime, range(9))
    plan = await plan_replay(runtime, copying([]), Selection())
    read = runtime.bus.read

    async def breaking_off(*arguments: Any, **options: Any) -> AsyncIterator[Delivery]:
        count = 0
        async for delivery in read(*arguments, **options):
            if count == 4:
                raise BusUnavailable("the broker is away")
            count += 1
            yield delivery

    monkeypatch.setattr(runtime.bus, "read", breaking_off)
    outcomes: Counter[str] = Counter()
    with pytest.raises(BusUnavailable, match="the broker is away"):
        await run_replay(runtime, plan, NoWorkers(), outcomes.update)
    assert outcomes == {"memoised": 4}, "what was read is handled"
    *_, record = await records(runtime, "stage:copy")
    assert (record.outcome, record.error) == ("failed", "BusUnavailable")
    assert record.attributes["events"] == 4
