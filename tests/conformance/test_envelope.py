"""Outputs are made from the event at hand, also where the work was done before."""

from __future__ import annotations

from lineal import Context, stage
from lineal_schemas.envelope import first_event
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    payload_of,
    running,
    until_settled,
)
from tests.conformance.workload import Done, Task


async def test_events_of_equal_data_are_known_by_their_envelopes(bus: BusUnderTest) -> None:
    """The second comes when what was made of the first is remembered."""

    @stage("tell", version="1", produces=Done)
    async def tell(task: Task, ctx: Context) -> Done:
        return Done(key=task.key, number=task.number, text=ctx.event.id)

    @stage("pass", version="1", produces=Done)
    async def pass_on(task: Task) -> Done:
        return Done(key=task.key, number=task.number)

    sent = {"event-1", "event-2"}
    async with bus.open() as runtime:
        for identifier in sorted(sent):
            event = first_event(Task(key="a", number=1), id=identifier, source="test:scenario")
            await runtime.bus.publish([(event.type, event)])
            for declared in (tell, pass_on):
                async with running(runtime, declared):
                    await until_settled(runtime, declared.name)
        made = await events_on(runtime, Done.type)
    told = [event for event in made if event.source == "lineal:stage/tell"]
    assert {(payload_of(event).text, event.causationid) for event in told} == {
        (identifier, identifier) for identifier in sent
    }
    # Where nothing but the data was read, what is remembered is emitted in the event's own name.
    passed = [event for event in made if event.source == "lineal:stage/pass"]
    assert {event.causationid for event in passed} == sent
    assert len({event.id for event in passed}) == 2
