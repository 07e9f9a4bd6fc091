"""State and timers say the same to Postgres as to SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from lineal.bus.protocol import Write
from lineal.stages.state import StateConflict, StoredState, state_rows
from lineal.stages.timers import TimerClock, cancel_timer, set_timer
from lineal.store.postgres.store import PostgresStore
from lineal_schemas.envelope import RawEvent, first_event
from lineal_schemas.models import ModelTrainingRequested


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    opened = PostgresStore(postgres_url)
    await opened.open()
    yield opened
    await opened.close()


async def apply(store: PostgresStore, *writes: Write) -> None:
    await store.write(lambda connection: [write(connection) for write in writes])


async def test_state_is_put_seen_from_before_by_its_own_event_and_removed(store: PostgresStore):
    state = StoredState(store)
    first = state.put("s", "job/a", "e1", None, b"1")
    await apply(store, first)
    await apply(store, first)
    row = await state.row("s", "job/a")
    assert row is not None
    assert (row.seen_by("e1"), row.seen_by("e2")) == (None, b"1")
    await apply(store, state.put("s", "job/a", "e2", row, b"\x00\xff"))
    row = await state.row("s", "job/a")
    assert row is not None
    assert (row.seen_by("e2"), row.seen_by("e3")) == (b"1", b"\x00\xff")
    await apply(store, state.put("s", "job/_", "e2", None, b"x"))
    await apply(store, state.put("s", "jobs", "e2", None, b"x"))
    found = await store.read(lambda c: state_rows(c, "s", "job/"))
    assert {key for key, _ in found} == {"job/a", "job/_"}
    await apply(store, state.put("s", "job/a", "e3", row, None))
    assert await state.row("s", "job/a") is not None, "kept for the event that comes again"
    await apply(store, state.forget("s", "job/a", "e3"))
    assert await state.row("s", "job/a") is None


async def test_a_change_of_what_another_event_changed_is_noticed(store: PostgresStore):
    state = StoredState(store)
    await apply(store, state.put("s", "k", "e1", None, b"1"))
    seen = await state.row("s", "k")
    await apply(store, state.put("s", "k", "e2", seen, b"2"))
    with pytest.raises(StateConflict):
        await apply(store, state.put("s", "k", "e3", seen, b"3"))
    with pytest.raises(StateConflict):
        await apply(store, state.put("s", "k", "e3", None, b"3"))
    row = await state.row("s", "k")
    assert row is not None
    assert row.after == b"2"


class Published:
    def __init__(self) -> None:
        self.events: list[RawEvent] = []

    async def publish(self, events: list[tuple[str, RawEvent]]) -> list[None]:
        self.events += [event for _, event in events]
        return []


async def test_timers_come_when_they_are_due(store: PostgresStore):
    event = first_event(
        ModelTrainingRequested(name="m", cause="schedule", requested_us=1), id="t1", source="test"
    )
    bus = Published()
    now = 100
    clock = TimerClock(store, bus, ["s", "other"], lambda: now)  # type: ignore[arg-type]
    await apply(
        store,
        set_timer("s", "due", 100, event),
        set_timer("s", "late", 10**15, event),
        set_timer("s", "gone", 50, event),
        cancel_timer("s", "gone"),
        set_timer("nobodys", "due", 50, event),
    )
    await clock.look()
    await clock.look()
    assert bus.events == [event]
