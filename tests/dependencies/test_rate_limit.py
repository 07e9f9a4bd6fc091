"""A rate is kept, whoever waits and whoever gives up waiting; stages have their turns."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.dependencies.rate_limit import RateLimit
from tests.long import examples


class VirtualTime:
    """A clock that goes on when everybody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), future))
        await future

    async def run_until(self, done: asyncio.Future[list[BaseException | None]]) -> None:
        while not done.done():
            for _ in range(5):
                await asyncio.sleep(0)
            if not done.done() and self._sleepers:
                self.now, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    future.set_result(None)


async def granted(
    limit: RateLimit, time: VirtualTime, calls: list[str], cancelled: frozenset[int] = frozenset()
) -> list[tuple[float, str]]:
    """When and for which stage calls were granted that all ask at once."""
    found: list[tuple[float, str]] = []

    async def call(stage: str) -> None:
        await limit.acquire(stage)
        found.append((time.now, stage))

    tasks = [asyncio.create_task(call(stage)) for stage in calls]
    await asyncio.sleep(0)
    for number in cancelled:
        tasks[number].cancel()
    everything = asyncio.gather(*tasks, return_exceptions=True)
    await time.run_until(everything)
    return found


async def test_stages_have_their_turns_however_many_calls_one_has() -> None:
    time = VirtualTime()
    limit = RateLimit(10, 1, lambda: time.now, time.sleep)
    order = await granted(limit, time, ["flood"] * 20 + ["other"] * 3)
    assert [stage for _, stage in order[:6]].count("other") >= 2
    assert [at for at, _ in order] == pytest.approx([n / 10 for n in range(23)])


async def test_after_a_pause_as_many_at_once_as_the_burst() -> None:
    time = VirtualTime()
    limit = RateLimit(2, 3, lambda: time.now, time.sleep)
    first = await granted(limit, time, ["s"] * 5)
    assert [at for at, _ in first] == pytest.approx([0, 0, 0, 0.5, 1.0])
    time.now = 100.0
    assert [at for at, _ in await granted(limit, time, ["s"] * 4)] == pytest.approx(
        [100, 100, 100, 100.5]
    )


@given(
    rate=st.sampled_from([0.5, 3, 10]),
    burst=st.integers(1, 4),
    calls=st.lists(st.sampled_from("abc"), min_size=1, max_size=20),
    data=st.data(),
)
@settings(max_examples=examples(60), deadline=None)
def test_the_rate_is_kept_and_nobody_is_forgotten_whoever_gives_up(
    rate: float, burst: int, calls: list[str], data: st.DataObject
) -> None:
    cancelled = data.draw(st.frozensets(st.integers(0, len(calls) - 1)))

    async def check() -> None:
        time = VirtualTime()
        limit = RateLimit(rate, burst, lambda: time.now, time.sleep)
        found = await granted(limit, time, list(calls), cancelled)
        assert len(found) >= len(calls) - len(cancelled), "all that did not give up"
        for place, (at, _) in enumerate(found):
            within = [other for other, _ in found[: place + 1] if other > at - 1 - 1e-9]
            assert len(within) <= burst + rate + 1 + 1e-6
        # What was cancelled used up nothing: the next comes when its token does.
        (last,) = await granted(limit, time, ["a"])
        earliest = max(0.0, (len(found) + 1 - burst) / rate)
        assert last[0] <= max(earliest, time.now) + 1e-6

    asyncio.run(check())
