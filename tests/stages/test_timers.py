"""Timers fire once, however many workers look after them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lineal.bus.protocol import Bus
from lineal.daemon import Daemon
from lineal.effects.effect import Effect, apply
from lineal.effects.records import LineageRecord
from lineal.effects.timers import TimerCancelled, TimerConflict, TimerDone, TimerSet
from lineal.lineage.ledger import steps_of_subject
from lineal.proof.event_check import EventReader
from lineal.proof.files import CheckpointFiles
from lineal.proof.record_pass import read_records
from lineal.proof.verification import VerificationContext
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.schedules import DELAYED
from lineal.stages.timers import TimerClock
from lineal.store.connection import Connection, Store
from lineal.store.postgres.store import PostgresStore
from lineal_schemas.envelope import RawEvent, first_event
from tests.conformance.harness import events_on
from tests.conformance.workload import Task

MANY = 1_201
"""More than two clocks publish at once."""


def event(number: int) -> RawEvent:
    return first_event(Task(key="k", number=number), id=f"timer-{number}", source="test")


def timer(number: int, *, name: str | None = None, due: int = 1, stage: str = "s") -> TimerSet:
    return TimerSet(stage, name or f"t{number}", due, event(number).to_json(exact=True))


async def put(store: Store, *effects: Effect) -> None:
    await store.write(lambda connection: apply(connection, effects))


async def left(store: Store) -> int:
    rows = await store.read(lambda c: c.execute("SELECT count(*) FROM timers").fetchone())
    return int(rows[0])


async def until_none_is_left(clock: TimerClock, store: Store) -> None:
    while await left(store):
        await clock.look()


class Published:
    """A bus that shares no transaction with the store."""

    capabilities = SimpleNamespace(transactional_effects=False, applies_effects=False)

    def __init__(self) -> None:
        self.events: list[RawEvent] = []
        self.effects: list[Effect] = []
        self.away = False

    async def publish(
        self, events: Sequence[tuple[str, RawEvent]], effects: Sequence[Effect] = ()
    ) -> list[Any]:
        if self.away:
            raise ConnectionError
        await asyncio.sleep(0)
        self.events += [event for _, event in events]
        self.effects += effects
        return []


@pytest.fixture
async def runtimes(tmp_path: Path) -> AsyncIterator[tuple[Runtime, Runtime]]:
    settings = Settings(data=tmp_path / "data", durability="normal")
    async with open_runtime(settings) as first, open_runtime(settings) as second:
        yield first, second


@pytest.fixture(params=["sqlite", "postgres"])
async def stores(
    request: pytest.FixtureRequest, runtimes: tuple[Runtime, Runtime]
) -> AsyncIterator[tuple[Store, Store]]:
    """Two workers' connections to one store."""
    if request.param == "sqlite":
        yield runtimes[0].store, runtimes[1].store
        return
    url = request.getfixturevalue("postgres_url")
    opened = PostgresStore(url), PostgresStore(url)
    for store in opened:
        await store.open()
    yield opened
    for store in opened:
        await store.close()


async def test_two_workers_publish_each_event_once_in_the_transaction_of_the_store(
    runtimes: tuple[Runtime, Runtime],
) -> None:
    await put(runtimes[0].store, *map(timer, range(MANY)))
    await asyncio.gather(
        *(
            until_none_is_left(TimerClock(runtime.store, runtime.bus, ["s"]), runtime.store)
            for runtime in runtimes
        )
    )
    found = Counter(event.id for event in await events_on(runtimes[0], Task.type))
    assert found == Counter(f"timer-{number}" for number in range(MANY))


async def test_two_workers_publish_each_event_once_on_a_bus_without_that(
    stores: tuple[Store, Store],
) -> None:
    await put(stores[0], *map(timer, range(MANY)))
    bus = Published()
    await asyncio.gather(
        *(until_none_is_left(TimerClock(store, cast("Bus", bus), ["s"]), store) for store in stores)
    )
    found = Counter(event.id for event in bus.events)
    assert found == Counter(f"timer-{number}" for number in range(MANY))


async def test_that_a_stages_timer_fired_is_on_record(runtimes: tuple[Runtime, Runtime]) -> None:
    runtime = runtimes[0]
    made = event(1)._replace(source="lineal:stage/s")
    await put(runtime.store, TimerSet("s", "t", 1, made.to_json(exact=True)))

    def findings(connection: Connection) -> list[str]:
        reader = EventReader()
        reader.begin(
            VerificationContext(
                connection, runtime.settings.data, CheckpointFiles(Path("nowhere")).load(), ()
            )
        )
        for seq, build, record in read_records(connection):
            reader.add(seq, build, record)
        return list(reader.findings())

    await runtime.bus.publish([(made.type, made._replace(id="forged"))])
    await TimerClock(runtime.store, runtime.bus, ["s"]).look()
    (said,) = await runtime.store.read(findings)
    assert "the event forged" in said
    steps = await runtime.store.read(lambda c: steps_of_subject(c, made.correlationid))
    assert [(step.kind, step.actor) for step in steps] == [("timer", "stage:s")]


async def test_a_bus_without_that_is_given_the_record_with_the_event(
    stores: tuple[Store, Store],
) -> None:
    await put(stores[0], timer(1), timer(2, stage=DELAYED))
    bus = Published()
    await TimerClock(stores[0], cast("Bus", bus), ["s", DELAYED]).look()
    (kept,) = [effect for effect in bus.effects if isinstance(effect, LineageRecord)]
    assert kept.parsed is not None
    assert [step.events_out for step in kept.parsed.steps] == [("timer-1",)]


async def test_what_a_worker_claimed_and_did_not_publish_another_publishes_when_it_is_gone(
    stores: tuple[Store, Store],
) -> None:
    now = 1_000_000
    first, second = Published(), Published()
    clocks = [
        TimerClock(store, cast("Bus", bus), ["s"], lambda: now, claim_seconds=10)
        for store, bus in zip(stores, (first, second), strict=True)
    ]
    await put(stores[0], timer(1), timer(2))
    first.away = True
    with pytest.raises(ConnectionError):
        await clocks[0].look()
    await clocks[1].look()
    assert second.events == []
    now += 10_000_001
    await clocks[1].look()
    assert sorted(event.id for event in second.events) == ["timer-1", "timer-2"]
    assert await left(stores[1]) == 0


async def test_a_worker_tries_its_own_again_at_once(stores: tuple[Store, Store]) -> None:
    bus = Published()
    clock = TimerClock(stores[0], cast("Bus", bus), ["s"])
    await put(stores[0], timer(1))
    bus.away = True
    with pytest.raises(ConnectionError):
        await clock.look()
    bus.away = False
    await clock.look()
    assert [event.id for event in bus.events] == ["timer-1"]


async def test_timers_come_when_they_are_due(stores: tuple[Store, Store]) -> None:
    bus = Published()
    now = 100
    clock = TimerClock(stores[0], cast("Bus", bus), ["s", "other"], lambda: now)
    await put(
        stores[0],
        timer(1, name="due", due=100),
        timer(2, name="late", due=10**15),
        timer(3, name="gone", due=50),
        TimerCancelled("s", "gone"),
        timer(4, name="due", due=50, stage="nobodys"),
    )
    await clock.look()
    await clock.look()
    assert [event.id for event in bus.events] == ["timer-1"]


async def test_a_timer_set_anew_belongs_to_nobody(stores: tuple[Store, Store]) -> None:
    bus, away = Published(), Published()
    away.away = True
    await put(stores[0], timer(1, name="t"))
    with pytest.raises(ConnectionError):
        await TimerClock(stores[0], cast("Bus", away), ["s"]).look()
    await put(stores[0], timer(2, name="t"))
    await TimerClock(stores[1], cast("Bus", bus), ["s"]).look()
    assert [event.id for event in bus.events] == ["timer-2"]


async def test_a_timer_that_is_not_as_it_was_read_is_not_done(stores: tuple[Store, Store]) -> None:
    was = timer(1, name="t")
    await put(stores[0], timer(2, name="t"))
    with pytest.raises(TimerConflict):
        await put(stores[0], TimerDone("s", "t", was.due, was.event))
    assert await left(stores[0]) == 1


async def test_a_process_without_stages_asks_for_no_timers(stores: tuple[Store, Store]) -> None:
    await put(stores[0], timer(1))
    bus = Published()
    assert not await TimerClock(stores[0], cast("Bus", bus), []).look()
    assert bus.events == []


async def test_a_daemon_without_stages_has_no_clock_and_no_problem(
    runtimes: tuple[Runtime, Runtime],
) -> None:
    daemon = Daemon(replace(runtimes[0]), [])
    await daemon.start()
    try:
        await asyncio.sleep(0)
        assert daemon.problems == []
    finally:
        await daemon.stop()


async def test_a_look_reads_none_of_the_timers_that_are_not_due(
    runtimes: tuple[Runtime, Runtime],
) -> None:
    runtime, _ = runtimes
    await put(runtime.store, *(timer(number, due=1 << 60) for number in range(MANY)))
    clock: Any = TimerClock(runtime.store, cast(Bus, Published()), ["s"])
    for look in (clock._due, clock._claim):
        with closing(sqlite3.connect(runtime.settings.data / "lineal.db")) as connection:
            looked: list[None] = []
            # Some 10 instructions of SQLite's machine for each row that is read.
            connection.set_progress_handler(partial(looked.append, None), 10)
            assert look(connection) == []
            assert len(looked) < MANY // 10
