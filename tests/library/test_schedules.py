"""Events that are published later, and again and again, are published once, on every bus."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lineal.library import EventBus
from lineal.stages.schedules import OF_NO_STAGE, Schedule, WrongSchedule
from lineal.stages.timers import TimerClock
from tests.conformance.harness import BusUnderTest, events_on, payload_of
from tests.conformance.workload import Task
from tests.library.test_event_bus import app as app
from tests.library.test_event_bus import bus as bus
from tests.library.test_event_bus import task

DAY_US = 86_400 * 1_000_000


class TurnedClocks:
    """The clocks of three daemons, that show the same time."""

    def __init__(self, app: EventBus) -> None:
        self.now = 0
        runtime = app.runtime
        self._clocks = [
            TimerClock(runtime.store, runtime.bus, OF_NO_STAGE, lambda: self.now) for _ in range(3)
        ]

    async def until_quiet(self) -> None:
        while any(await asyncio.gather(*(clock.look() for clock in self._clocks))):
            pass


async def test_a_month_of_a_schedule(app: EventBus, bus: BusUnderTest) -> None:
    await app.runtime.bus.create_topic(Task.type)
    first = await app.schedule("report", "0 6 * * *", task(1, "x"), zone="Europe/Berlin")
    await app.schedule("report", "30 6 * * *", task(2, "x"), zone="Europe/Berlin")
    [planned] = await app.schedules()
    assert (planned.schedule.cron, planned.due - first.timestamp() * 1e6) == ("30 6 * * *", 1.8e9)
    clocks = TurnedClocks(app)
    for day in range(31):
        if day % 7 != 5:  # a day on which nobody looked is made up for
            clocks.now = planned.due + day * DAY_US + DAY_US // 2
            await clocks.until_quiet()
    events = await events_on(app.runtime, Task.type)
    assert len({event.id for event in events}) == len(events) == 31
    assert {payload_of(event).number for event in events} == {2}
    local = [datetime.fromtimestamp(e.time / 1e6, ZoneInfo("Europe/Berlin")) for e in events]
    assert {(at.hour, at.minute) for at in local} == {(6, 30)}
    await app.end_schedule("report")
    clocks.now += 30 * DAY_US
    await clocks.until_quiet()
    assert len(await events_on(app.runtime, Task.type)) == 31


async def test_later_once_or_not_at_all(app: EventBus, bus: BusUnderTest) -> None:
    await app.runtime.bus.create_topic(Task.type)
    at = datetime.now(UTC) + timedelta(days=1)
    await app.publish(task(1), id="one", at=at)
    await app.publish(task(2), id="two", at=at)
    await app.publish(task(3), id="three", at=at)
    await app.publish(task(2), id="two", at=at + timedelta(days=1))
    await app.cancel("three")
    clocks = TurnedClocks(app)
    clocks.now = round(at.timestamp() * 1e6) + 1
    await clocks.until_quiet()
    [event] = await events_on(app.runtime, Task.type)
    assert (event.id, event.time, event.actor) == ("one", clocks.now - 1, "process:shop")
    clocks.now += DAY_US
    await clocks.until_quiet()
    assert [e.id for e in await events_on(app.runtime, Task.type)] == ["one", "two"]
    with pytest.raises(TypeError, match="no time zone"):
        await app.publish(task(4), at=datetime(2027, 1, 1))


def local(*fields: int) -> int:
    return round(datetime(*fields, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1e6)  # type: ignore[arg-type,misc]


def test_when_clocks_are_put_forward_and_back() -> None:
    early = Schedule("early", "30 2 * * *", "Europe/Berlin")
    assert early.next_after(local(2026, 3, 28, 12)) == local(2026, 3, 29, 3)
    assert early.next_after(local(2026, 3, 29, 3)) == local(2026, 3, 30, 2, 30)
    once = early.next_after(local(2026, 10, 24, 12))
    assert once == local(2026, 10, 25, 2, 30)
    assert early.next_after(once) == local(2026, 10, 26, 2, 30)
    hourly = Schedule("hourly", "30 * * * *", "Europe/Berlin")
    spring, autumn = local(2026, 3, 29, 1), local(2026, 10, 25, 1)
    assert hourly.next_after(spring) == local(2026, 3, 29, 1, 30)
    assert hourly.next_after(local(2026, 3, 29, 1, 30)) == local(2026, 3, 29, 3, 30)
    in_autumn = [autumn]
    for _ in range(4):
        in_autumn.append(hourly.next_after(in_autumn[-1]))
    assert in_autumn[-1] == local(2026, 10, 25, 3, 30), "half past two is twice"


@pytest.mark.parametrize(
    ("cron", "zone"), [("61 * * * *", "UTC"), ("daily", "UTC"), ("0 6 * * *", "Middle/Earth")]
)
def test_what_is_no_schedule_is_said(cron: str, zone: str) -> None:
    with pytest.raises(WrongSchedule):
        Schedule("wrong", cron, zone).next_after(0)
