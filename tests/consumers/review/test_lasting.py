"""An alarm that does not end asks a person, and what they say is recorded and holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from lineal.access.credential import owner_credential
from lineal.testing import StageHarness
from lineal_catalog.reviews.answers import complete
from lineal_catalog.reviews.queries import ReviewItem, list_reviews
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_consumers.review.config import ReviewConfig
from lineal_consumers.review.stage import review
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, MachineMarked
from lineal_schemas.envelope import now_us
from lineal_schemas.models import ModelRef
from lineal_schemas.reviews import AnomalyReviewed, ReviewValue

OWNER = Reviewer(owner_credential())
FIELDS: dict[str, Any] = {
    "device": "pump-1", "anomaly_id": "a1", "detector": "bus",
    "model": ModelRef(name="pump", version=1, sha256="0" * 64),
    "threshold": 1.0, "boot_id": "0" * 32, "first_seq": 1, "last_seq": 2,
}  # fmt: skip
OPENED_US = 1_000_000


def opened(**more: Any) -> AnomalyOpened:
    return AnomalyOpened(
        **{**FIELDS, "wall_us": OPENED_US, "score": 2.0, "contributions": (), **more}
    )


def closed(wall_us: int, **more: Any) -> AnomalyClosed:
    return AnomalyClosed(
        **{**FIELDS, "wall_us": wall_us, "peak_score": 2.0, "reason": "normal", **more}
    )


class Queue:
    def __init__(self, harness: StageHarness) -> None:
        self.harness, self.clock = harness, harness.clock

    async def waiting(self) -> list[ReviewItem]:
        return await self.harness.runtime.store.read(partial(list_reviews, now=now_us()))

    async def answer(self, **said: Any) -> None:
        [item] = await self.waiting()
        await complete(self.harness.runtime, item.item_id, ReviewValue(**said), OWNER)
        await self.harness.handle_published()


@pytest.fixture
async def queue() -> AsyncIterator[Queue]:
    config = ReviewConfig(ask_after={"pump-*": 300}, ask_again_hours=24)
    async with StageHarness(review, config=[config]) as harness:
        yield Queue(harness)


async def test_after_a_stated_time_the_question_is_another(queue: Queue) -> None:
    await queue.harness.send(opened())
    assert [item.reason for item in await queue.waiting()] == ["anomaly"]
    await queue.clock.advance(299)
    assert [item.reason for item in await queue.waiting()] == ["anomaly"]
    await queue.clock.advance(2)
    [item] = await queue.waiting()
    assert (item.reason, item.subject, item.of) == ("lasting", "device:pump-1", "a1")


async def test_nobody_is_asked_about_an_alarm_that_has_ended(queue: Queue) -> None:
    await queue.harness.send(opened())
    await queue.harness.send(closed(5_000_000))
    await queue.clock.advance(1000)
    assert [item.reason for item in await queue.waiting()] == ["anomaly"]


async def test_devices_without_a_stated_time_are_not_asked_about(queue: Queue) -> None:
    await queue.harness.send(opened(device="turbine-1"))
    await queue.clock.advance(10_000)
    assert [item.reason for item in await queue.waiting()] == ["anomaly"]


async def test_normal_from_now_on_is_said_of_the_device_and_its_time_is_marked(
    queue: Queue,
) -> None:
    await queue.harness.send(opened())
    await queue.clock.advance(301)
    await queue.answer(verdict="normal")
    [said] = queue.harness.outputs(AnomalyReviewed)
    assert (said.device, said.anomaly_id, said.verdict) == ("pump-1", "a1", "normal")
    [mark] = queue.harness.outputs(MachineMarked)
    assert (mark.fault, mark.from_us, mark.by) == (None, OPENED_US, OWNER.actor)
    assert mark.to_us == said.reviewed_us
    await queue.clock.advance(100 * 3600)
    assert await queue.waiting() == []


async def test_a_fault_is_marked_until_its_alarm_ends_and_asked_about_again(queue: Queue) -> None:
    await queue.harness.send(opened())
    await queue.clock.advance(301)
    await queue.answer(verdict="anomaly", fault="bearing")
    [said] = queue.harness.outputs(AnomalyReviewed)
    assert (said.verdict, said.fault) == ("anomaly", "bearing")
    [first] = queue.harness.outputs(MachineMarked)
    assert (first.fault, first.from_us) == ("bearing", OPENED_US)
    assert await queue.waiting() == []
    await queue.clock.advance(24 * 3600 + 1)
    assert [item.reason for item in await queue.waiting()] == ["lasting"]
    end = first.to_us + 10_000_000
    await queue.harness.send(closed(end))
    *_, last = queue.harness.outputs(MachineMarked)
    assert (last.mark, last.fault, last.from_us, last.to_us) == (
        first.mark, "bearing", OPENED_US, end,
    )  # fmt: skip


async def test_a_fault_named_after_the_alarm_was_over_is_marked_too(queue: Queue) -> None:
    await queue.harness.send(opened())
    await queue.harness.send(closed(5_000_000))
    await queue.answer(verdict="anomaly", fault="bearing")
    [mark] = queue.harness.outputs(MachineMarked)
    assert (mark.fault, mark.from_us, mark.to_us) == ("bearing", OPENED_US, 5_000_000)


async def test_the_end_may_come_before_the_beginning(queue: Queue) -> None:
    await queue.harness.send(closed(5_000_000))
    await queue.harness.send(opened())
    await queue.clock.advance(1000)
    assert [item.reason for item in await queue.waiting()] == ["anomaly"]


async def test_no_device_ends_or_takes_the_question_about_anothers_alarm(queue: Queue) -> None:
    await queue.harness.send(opened())
    await queue.harness.send(opened(device="pump-2"))
    await queue.harness.send(closed(5_000_000, device="pump-2"))
    await queue.clock.advance(301)
    asked = [item.subject for item in await queue.waiting() if item.reason == "lasting"]
    assert asked == ["device:pump-1"]


async def test_what_is_said_of_an_alarm_marks_no_other_device_with_its_id(queue: Queue) -> None:
    for device in ("pump-1", "pump-2"):
        await queue.harness.send(opened(device=device))
        await queue.clock.advance(301)
        await queue.answer(verdict="anomaly", fault="bearing")
    marks = queue.harness.outputs(MachineMarked)
    assert sorted(mark.device for mark in marks) == ["pump-1", "pump-2"]
    assert len({mark.mark for mark in marks}) == 2
