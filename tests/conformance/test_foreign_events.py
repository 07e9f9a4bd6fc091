"""Events of other makers: written in another way, and meaning the same."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lineal.dead_letters import LetterFilter, waiting_letters
from lineal.observability.tracing import trace_id
from lineal.stages import stage
from lineal_schemas.envelope import RawEvent, first_event
from tests.conformance.harness import (
    BusUnderTest,
    events_on,
    payload_of,
    running,
    until_settled,
)
from tests.conformance.workload import Done, Task

TRACEPARENT = re.compile("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
VALID = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@stage("foreign", version="1", produces=Done)
async def foreign(task: Task) -> Done:
    return Done(key=task.key, number=task.number)


def foreign_event(number: int, **attributes: Any) -> RawEvent:
    event = first_event(Task(key="a", number=number), id=f"order {number}", source="/elsewhere")
    return event._replace(**attributes)


async def test_json_and_schemas_of_others_are_read_alike(bus: BusUnderTest) -> None:
    written: list[dict[str, Any]] = [
        {"datacontenttype": "application/json; charset=utf-8"},
        {"datacontenttype": "Application/JSON"},
        {"datacontenttype": "application/vnd.example.task+json;profile=x"},
        {"dataschema": "https://example.org/schemas/task.json"},
        {"dataschema": None},
    ]
    sent = [foreign_event(number, **attributes) for number, attributes in enumerate(written)]
    async with bus.open() as runtime:
        await runtime.bus.publish([(event.type, event) for event in sent])
        async with running(runtime, foreign):
            await until_settled(runtime, "foreign")
        kept = await events_on(runtime, Task.type)
        done = await events_on(runtime, Done.type)
        assert await waiting_letters(runtime, LetterFilter()) == []
    assert [payload_of(event).number for event in done] == [0, 1, 2, 3, 4]
    assert [event._replace(mark=None) for event in kept] == sent, (
        "with their own media types and schemas"
    )


@pytest.mark.parametrize(
    ("media_type", "reason"),
    [
        ("application/json; charset=utf-16", "JSON is written in UTF-8, not in utf-16"),
        ("text/csv", "text/csv, not application/json"),
    ],
)
async def test_what_is_no_json_goes_aside_with_the_reason(
    bus: BusUnderTest, media_type: str, reason: str
) -> None:
    event = foreign_event(1, datacontenttype=media_type)
    async with bus.open() as runtime:
        await runtime.bus.publish([(event.type, event)])
        async with running(runtime, foreign):
            await until_settled(runtime, "foreign")
        (letter,) = await waiting_letters(runtime, LetterFilter())
    assert reason in letter.content.message
    assert letter.event._replace(mark=None) == event


async def test_traces_are_valid_whatever_others_send(bus: BusUnderTest) -> None:
    sent = [
        foreign_event(0),
        foreign_event(1, traceparent=VALID),
        foreign_event(2, traceparent=f"00-{'0' * 32}-b7ad6b7169203331-01"),
        foreign_event(3, traceparent="00-GGf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        foreign_event(4, id="0000000000000000"),
    ]
    async with bus.open() as runtime:
        await runtime.bus.publish([(event.type, event) for event in sent])
        async with running(runtime, foreign):
            await until_settled(runtime, "foreign")
        done = await events_on(runtime, Done.type)
    traces = {payload_of(event).number: event.traceparent for event in done}
    assert len(traces) == 5
    for trace in traces.values():
        assert trace is not None
        assert TRACEPARENT.fullmatch(trace)
    assert trace_id(traces[1]) == trace_id(VALID)
    assert trace_id(traces[0]) == trace_id(traces[2]) == trace_id(traces[3])
