"""A time limit is kept from the beginning, and the work sees what happens to it."""

from __future__ import annotations

import asyncio

import pytest

from lineal.errors import HandlerTimeout
from lineal.stages.handler_clock import HandlerClock
from lineal.stages.pipeline.time_limit import limited


async def value() -> int:
    return 1


async def waits(seconds: float = 0.0, times: int = 1) -> int:
    for _ in range(times):
        await asyncio.sleep(seconds)
    return 2


async def test_work_that_waits_for_nothing_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise AssertionError("a timer was set")

    monkeypatch.setattr(asyncio, "timeout_at", none)
    assert await limited(value(), 1, HandlerClock) == 1


async def test_work_that_waits_goes_on() -> None:
    assert await limited(waits(times=3), 60, HandlerClock) == 2


@pytest.mark.parametrize("work", [waits(60), waits(0.001, 1_000_000)], ids=["long", "often"])
async def test_work_that_takes_longer_is_cancelled(work: object) -> None:
    with pytest.raises(HandlerTimeout):
        await limited(work, 0.05, HandlerClock)  # type: ignore[arg-type]


async def test_a_timeout_of_the_work_is_its_own() -> None:
    async def work() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await limited(work(), 60, HandlerClock)


async def test_work_may_clean_up_and_wait_for_it_when_it_is_cancelled() -> None:
    cleaned = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(HandlerTimeout):
        await limited(work(), 0.01, HandlerClock)
    task = asyncio.create_task(limited(work(), 60, HandlerClock))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True, True]


async def test_what_the_work_waits_for_may_fail() -> None:
    future = asyncio.get_running_loop().create_future()

    async def work() -> str:
        try:
            await future
        except ValueError:
            await asyncio.sleep(0)
            return "caught"
        return "nothing failed"

    task = asyncio.create_task(limited(work(), 60, HandlerClock))
    await asyncio.sleep(0)
    future.set_exception(ValueError())
    assert await task == "caught"
