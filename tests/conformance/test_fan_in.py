"""Scattered parts come together once, whatever happens in between."""

from __future__ import annotations

import random

from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    payload_of,
    publish,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Joined, Piece, join


def pieces(whole: str, count: int) -> list[Piece]:
    return [Piece(whole=whole, index=n, count=count, key=whole[0]) for n in range(count)]


async def test_a_group_is_made_once_with_its_parts_in_order(bus: BusUnderTest) -> None:
    scattered = [*pieces("a1", 5), *pieces("a2", 3), *pieces("b1", 1), *pieces("c1", 7)]
    random.Random(7).shuffle(scattered)
    async with bus.open() as runtime:
        await publish(runtime, *scattered)
        async with running(runtime, join):
            await until_settled(runtime, "join")
        joined = [payload_of(event) for event in await events_on(runtime, Joined.type)]
    assert {item.whole: item.indexes for item in joined} == {
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
        await publish(runtime, Piece(whole="a1", index=2, count=2, key="a"), *pieces("a1", 2))
        async with running(runtime, join):
            await until_settled(runtime, "join")
        (joined,) = await events_on(runtime, Joined.type)
        assert payload_of(joined).indexes == (0, 1)
        assert len(await events_on(runtime, "dead.join")) == 1
