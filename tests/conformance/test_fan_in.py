"""Scattered parts come together once, whatever happens in between."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from lineal.stages import Context, fan_in, stage
from lineal.stages.timers import TimerClock
from lineal_schemas.envelope import now_us
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    payload_of,
    publish,
    records,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Joined, Piece, join


def pieces(group_id: str, count: int) -> list[Piece]:
    return [Piece(group_id=group_id, index=n, count=count, key=group_id[0]) for n in range(count)]


async def test_a_group_is_made_once_with_its_parts_in_order(bus: BusUnderTest) -> None:
    scattered = [*pieces("a1", 5), *pieces("a2", 3), *pieces("b1", 1), *pieces("c1", 7)]
    random.Random(7).shuffle(scattered)
    async with bus.open() as runtime:
        await publish(runtime, *scattered)
        async with running(runtime, join):
            await until_settled(runtime, "join")
        joined = [payload_of(event) for event in await events_on(runtime, Joined.type)]
    assert {item.group_id: item.indexes for item in joined} == {
        "a1": (0, 1, 2, 3, 4), "a2": (0, 1, 2), "b1": (0,), "c1": (0, 1, 2, 3, 4, 5, 6),
    }  # fmt: skip
    assert len(joined) == 4


async def test_parts_are_remembered_across_restarts(bus: BusUnderTest) -> None:
    parts = pieces("a1", 6)
    for step in range(3):
        async with bus.open() as runtime:
            await publish(runtime, *parts[2 * step : 2 * step + 2])
            async with running(runtime, join):
                await until_settled(runtime, "join")
            joined = await events_on(runtime, Joined.type)
            assert len(joined) == (1 if step == 2 else 0)
        if step < 2:
            await bus.restart()
    assert payload_of(joined[0]).indexes == (0, 1, 2, 3, 4, 5)


async def test_a_part_that_comes_twice_counts_once(bus: BusUnderTest) -> None:
    first, second, third = pieces("a1", 3)
    async with bus.open() as runtime:
        await publish(runtime, first, second)
        await publish(runtime, first, second)
        async with running(runtime, join):
            await until_settled(runtime, "join")
            assert await events_on(runtime, Joined.type) == []
            await publish(runtime, third)
            (joined,) = await until_events(runtime, Joined.type, 1)
    assert payload_of(joined).indexes == (0, 1, 2)


async def test_a_part_that_cannot_be_goes_aside(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        await publish(runtime, Piece(group_id="a1", index=2, count=2, key="a"), *pieces("a1", 2))
        async with running(runtime, join):
            await until_settled(runtime, "join")
        (joined,) = await events_on(runtime, Joined.type)
        assert payload_of(joined).indexes == (0, 1)
        assert len(await events_on(runtime, "dead.join")) == 1


@fan_in("timely", version="1", produces=Joined, within="1m")
async def timely(parts: Sequence[Piece], ctx: Context) -> Joined:
    first = parts[0]
    return Joined(key=first.key, group_id=first.group_id, indexes=tuple(p.index for p in parts))


async def test_a_group_that_stays_incomplete_is_closed_by_time(bus: BusUnderTest) -> None:
    """Once, across a restart; one that is complete in time is not, and a part that comes later is
    said to be too late."""
    first, late, third = pieces("a1", 3)
    async with bus.open() as runtime:
        await publish(runtime, first, third, *pieces("b1", 2))
        async with running(runtime, timely):
            await until_settled(runtime, "timely")
    await bus.restart()
    async with bus.open() as runtime:
        clock = TimerClock(runtime.store, runtime.bus, ["timely"])
        async with running(runtime, timely):
            await clock.look()
            await until_settled(runtime, "timely")
            assert len(await events_on(runtime, Joined.type)) == 1, "the time is not over"
            later = TimerClock(
                runtime.store, runtime.bus, ["timely"], lambda: now_us() + 61_000_000
            )
            while await later.look() or await later.next_due() is not None:
                pass
            await until_events(runtime, Joined.type, 2)
            await publish(runtime, late)
            await until_settled(runtime, "timely")
            await later.look()
            await until_settled(runtime, "timely")
        joined = [payload_of(event) for event in await events_on(runtime, Joined.type)]
        await runtime.flush_ledger()
        steps = [step.entry for key in "ab" for step in await records(runtime, f"piece:{key}")]
    assert {item.group_id: item.indexes for item in joined} == {"a1": (0, 2), "b1": (0, 1)}
    assert len(joined) == 2
    reasons = sorted(step.reason for step in steps if step.reason is not None)
    assert reasons == [
        "the group was closed before this part came",
        "the group was closed by time, with 2 of 3 parts",
    ]


def test_only_groups_are_closed_by_time() -> None:
    with pytest.raises(TypeError, match="use @fan_in"):

        @stage("each", version="1", produces=Joined, within="1m")
        async def each(piece: Piece) -> None:
            pass

    with pytest.raises(ValueError, match="within: 'soon' is no duration"):
        fan_in("soon", version="1", produces=Joined, within="soon")
