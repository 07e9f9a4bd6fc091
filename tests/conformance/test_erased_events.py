"""What a worker is handed of a subject that was erased meanwhile makes nothing anew."""

from __future__ import annotations

from lineal.erasure.erase import erase, plan_erasure
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    payload_of,
    publish,
    running,
    until_events,
    until_settled,
)
from tests.conformance.workload import Done, Task, count


async def test_a_stage_that_lags_leaves_out_events_of_erased_subjects(bus: BusUnderTest) -> None:
    async with bus.open() as runtime:
        # Makes the group, which is to have all events from here on.
        await publish(runtime, Task(key="first", number=0))
        async with running(runtime, count):
            await until_events(runtime, Done.type, 1)
            await until_settled(runtime, "count")
        await publish(runtime, Task(key="ann", number=1), Task(key="bob", number=2))
        await erase(runtime, await plan_erasure(runtime, ["task:ann"]), "she asked for it")
        # What arrives of her later is a new beginning.
        await publish(runtime, Task(key="ann", number=3))
        async with running(runtime, count):
            await until_events(runtime, Done.type, 3)
            await until_settled(runtime, "count")
        found = {payload_of(event).number for event in await events_on(runtime, Done.type)}
        assert found == {0, 2, 3}
