"""Replaying what is remembered: many events at once, in order, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest

from lineal.bus.protocol import Addressed, Delivery, Position, Selection
from lineal.effects.effect import Effect
from lineal.errors import BusUnavailable, StoreUnavailable
from lineal.replay import plan_replay, run_replay
from lineal.replay.handling import replay_events
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


@pytest.mark.parametrize("read_batch_size", [1, 2, 7, 2_000])
async def test_what_is_remembered_does_not_overtake_what_is_not(
    runtime: Runtime, read_batch_size: int
) -> None:
    before = await remembering(runtime, range(6))
    # Of the same content as events that were handled, so remembered, between others that are not.
    numbers = [30, 0, 31, 1, 2, 32, 3, 33, 4, 34, 35, 5]
    await publish(runtime, *(Task(key="abc"[n % 3], number=n) for n in numbers))
    handled: list[int] = []
    outcomes: Counter[str] = Counter()
    await replay_events(
        runtime, copying(handled), Selection(), NoWorkers(), outcomes.update,
        read_batch_size=read_batch_size,
    )  # fmt: skip
    assert sorted(handled) == [30, 31, 32, 33, 34, 35]
    assert outcomes == {"memoised": 12, "done": 6}
    again = numbers_by_key((await events_on(runtime, Done.type))[before:])
    all_numbers = [*range(6), *numbers]
    assert again == {key: [n for n in all_numbers if "abc"[n % 3] == key] for key in sorted("abc")}


async def test_each_is_on_record_in_its_lineage(runtime: Runtime) -> None:
    before = await remembering(runtime, range(250), keys="a")
    assert await replay(runtime, []) == {"memoised": 250}
    first = await events_on(runtime, Done.type)
    assert [e.id for e in first[before:]] == [e.id for e in first[:before]]
    (replayed,) = await records(runtime, "stage:copy")
    assert replayed.attributes["events"] == 250
    story = await records(runtime, "task:a")
    steps = [record.step for record in story if record.outcome == "done"]
    repeated = [record for record in story if record.outcome == "memoised"]
    assert [record.step for record in repeated] == steps
    assert {record.kind for record in repeated} == {"replay"}
    assert [record.events_out for record in repeated] == [(event.id,) for event in first[before:]]


class Publishing:
    """A committer, the publishing of which goes wrong as a test likes."""

    def __init__(
        self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, check: Callable[[list[int]], None]
    ) -> None:
        self._publish = runtime.bus.publish
        self._check = check
        monkeypatch.setattr(runtime.bus, "publish", self.publish)

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        self._check([payload_of(event).number for topic, event in outputs if topic == Done.type])
        return await self._publish(outputs, effects)


@pytest.mark.parametrize("unseen", [[], [16], [14, 16]])
async def test_what_cannot_be_published_together_is_published_one_by_one(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, unseen: list[int]
) -> None:
    numbers = list(range(18))
    before = await remembering(runtime, [n for n in numbers if n not in unseen], keys="a")
    # Those that were not seen come before others that were.
    topic = [n for n in numbers if n not in unseen] + [*unseen, 0, 1, 2]
    await publish(runtime, *(Task(key="a", number=n) for n in [*unseen, 0, 1, 2]))
    refused = 0

    def too_large_together(published: list[int]) -> None:
        nonlocal refused
        if 17 in published and len(published) > 1:
            refused += 1
            raise ValueError("too large")

    Publishing(runtime, monkeypatch, too_large_together)
    handled: list[int] = []
    outcomes = await replay(runtime, handled)
    assert (handled, refused) == (unseen, 1)
    assert outcomes["memoised"] == len(topic) - len(unseen)
    assert numbers_by_key((await events_on(runtime, Done.type))[before:]) == {"a": topic}


async def test_a_bus_that_is_away_for_a_while_loses_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await remembering(runtime, range(9))
    attempts = 0

    def away(published: list[int]) -> None:
        nonlocal attempts
        attempts += bool(published)
        if published and attempts < 3:
            raise BusUnavailable("away")

    Publishing(runtime, monkeypatch, away)
    assert await replay(runtime, []) == {"memoised": 9}
    assert len(await events_on(runtime, Done.type)) == before + 9


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
