"""Who may write to Kafka's topics cannot answer, or end, what a program has asked, nor tell people
anything in the name of a stage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from lineal.bus.dead_letter_event import dead_letter_event, event_failed
from lineal.events_on_topic import events_on_topic
from lineal.library import EventBus, RequestFailed
from lineal_schemas.diagrams import DiagramRemoved
from lineal_schemas.envelope import RawEvent, caused_event, first_event
from lineal_schemas.failures import EventFailed
from lineal_schemas.payload import Payload
from tests.bus.kafka.test_marks import written
from tests.conformance.harness import PATIENCE_SECONDS, until_events
from tests.conformance.kafka import KafkaBusUnderTest
from tests.conformance.workload import Done, Task


@pytest.fixture
async def app(bus: KafkaBusUnderTest) -> AsyncIterator[EventBus]:
    async with bus.open() as runtime:
        opened = EventBus(runtime, "shop")
        try:
            yield opened
        finally:
            await opened.close()


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> list[MutableMapping[str, Any]]:
    """What is logged of events that are refused. Its logger is replaced: one that a test before has
    used may be bound for good."""
    capture = LogCapture()
    logger = structlog.wrap_logger(structlog.PrintLogger(), processors=[capture])
    monkeypatch.setattr("lineal.events_on_topic.log", logger)
    return capture.entries


def answer_to(asked: RawEvent, payload: Payload, source: str, id: str) -> RawEvent:
    return caused_event(payload, asked, id=id, source=source, traceparent=None, time=asked.time)


def refused(logs: Sequence[MutableMapping[str, Any]]) -> list[str]:
    """Ids of the events that were refused."""
    return [line["event_id"] for line in logs if line["event"] == "topic.event_refused"]


async def until_refused(logs: Sequence[MutableMapping[str, Any]], event_id: str) -> None:
    """Topics have several partitions: what is written there later may be read first."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while event_id not in refused(logs):
            await asyncio.sleep(0.02)


async def test_only_what_this_installation_published_answers_a_request(
    bus: KafkaBusUnderTest, app: EventBus, logs: list[MutableMapping[str, Any]]
) -> None:
    asking = asyncio.create_task(
        app.request(Task(key="a", number=1), DiagramRemoved, seconds=PATIENCE_SECONDS)
    )
    [asked] = await until_events(app.runtime, Task.type, 1)
    gone = DiagramRemoved(url="https://example.org/a.png", reason="image gone")
    await written(bus.settings, DiagramRemoved.type, answer_to(asked, gone, "eve", "forged"))
    await until_refused(logs, "forged")
    corrected = DiagramRemoved(url="https://example.org/a.png", reason="corrected")
    true = answer_to(asked, corrected, "lineal:stage/answer", "true")
    await app.runtime.bus.publish([(true.type, true)])
    assert await asking == corrected
    assert refused(logs) == ["forged"]


async def test_only_what_this_installation_published_ends_a_request(
    bus: KafkaBusUnderTest, app: EventBus, logs: list[MutableMapping[str, Any]]
) -> None:
    asking = asyncio.create_task(
        app.request(Task(key="a", number=1), Done, seconds=PATIENCE_SECONDS)
    )
    [asked] = await until_events(app.runtime, Task.type, 1)
    [(position, _, _)] = [delivery async for delivery in app.runtime.bus.read(Task.type)]

    def failed(group: str) -> RawEvent:
        letter = dead_letter_event(
            group, position, asked, error_class="Reject", message="no", attempts=1
        )
        return event_failed(group, [Done.type], asked, letter, error=("Reject", group))

    forged = failed("eve")
    await written(bus.settings, EventFailed.type, forged)
    await until_refused(logs, forged.id)
    await app.runtime.bus.publish([(EventFailed.type, failed("answer"))])
    with pytest.raises(RequestFailed) as ended:
        await asking
    assert ended.value.group == "answer"
    assert refused(logs) == [forged.id]


async def test_what_others_have_written_is_not_told_as_a_stages_word(
    bus: KafkaBusUnderTest, app: EventBus
) -> None:
    forged = DiagramRemoved(url="https://example.org/a.png", reason="image gone")
    true = DiagramRemoved(url="https://example.org/a.png", reason="corrected")
    await app.runtime.bus.create_topic(true.type)
    await written(bus.settings, true.type, first_event(forged, id="forged", source="eve"))
    marked = first_event(true, id="true", source="lineal:stage/diagrams")
    await app.runtime.bus.publish([(true.type, marked)])
    assert [event.data async for event in events_on_topic(app.runtime, DiagramRemoved)] == [true]
