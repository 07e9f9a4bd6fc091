"""What must hold after whatever happened: nothing lost, nothing twice, in order, and on record."""

from __future__ import annotations

import asyncio
from collections import Counter

from lineal.errors import BusUnavailable
from lineal.lineage.record import digest
from lineal.runtime import Runtime
from tests.conformance.harness import (
    PATIENCE_SECONDS,
    BusUnderTest,
    events_on,
    lag,
    payload_of,
    records,
)
from tests.conformance.workload import Action, Done, Task

KEYS = [f"key{n}" for n in range(12)]


def tasks(bus: BusUnderTest, count: int, action: Action = "pass", first: int = 0) -> list[Task]:
    """Work for :data:`KEYS` by turns."""
    return [
        Task(key=KEYS[n % len(KEYS)], number=n, action=action, scratch=str(bus.scratch))
        for n in range(first, first + count)
    ]


async def count_done(runtime: Runtime) -> int:
    """How much is done; brokers may be away meanwhile."""
    while True:
        try:
            return len(await events_on(runtime, Done.type))
        except BusUnavailable:
            await asyncio.sleep(0.2)


async def until_done(runtime: Runtime, count: int, stage: str) -> None:
    """Patience begins anew with all that is done: a busy machine takes long for much."""
    most = 0
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_SECONDS) as patience:
        while (done := await count_done(runtime)) < count or await lag(runtime, stage):
            if done > most:
                most = done
                patience.reschedule(loop.time() + PATIENCE_SECONDS)
            await asyncio.sleep(0.1)


async def assert_invariants(runtime: Runtime, count: int, stage: str = "work") -> None:
    """Each task is done once, each key's in order, and each step is on record once."""
    await until_done(runtime, count, stage)
    events = await events_on(runtime, Done.type)
    done = [payload_of(event) for event in events]
    times = Counter(item.number for item in done)
    assert set(times) == set(range(count)), "nothing is lost"
    assert set(times.values()) == {1}, "no effect twice"
    assert len({event.id for event in events}) == count
    for key in KEYS:
        numbers = [item.number for item in done if item.key == key]
        assert numbers == sorted(numbers), "the order of a key is kept"
        made = [
            output.sha256
            for record in await records(runtime, f"task:{key}")
            for output in record.outputs
        ]
        expected = [digest(event.data) for event in events if payload_of(event).key == key]
        assert sorted(made) == sorted(expected), "each step is on record, once"
