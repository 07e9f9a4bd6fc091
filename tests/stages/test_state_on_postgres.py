"""State says the same to Postgres as to SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from lineal.effects.effect import Effect
from lineal.effects.effect import apply as apply_effects
from lineal.effects.state import StateChange
from lineal.effects.sweep import sweep
from lineal.errors import StateConflict
from lineal.stages.state import StateRow, StoredState, state_rows
from lineal.store.postgres.store import PostgresStore


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    opened = PostgresStore(postgres_url)
    await opened.open()
    yield opened
    await opened.close()


async def apply(store: PostgresStore, *effects: Effect) -> None:
    await store.write(lambda connection: apply_effects(connection, effects))


def change(
    key: str, event_id: str, seen: StateRow | None, value: bytes | None, at: int = 1
) -> StateChange:
    before = None if seen is None else seen.seen_by(event_id, event_id)
    known = None if seen is None else seen.event_id
    return StateChange("s", key, event_id, known, before, value, at)


async def test_state_is_put_seen_from_before_by_its_own_event_and_removed(store: PostgresStore):
    state = StoredState(store)
    first = change("job/a", "e1", None, b"1")
    await apply(store, first)
    await apply(store, first)
    row = await state.row("s", "job/a")
    assert row is not None
    assert (row.seen_by("e1", "e1"), row.seen_by("e2", "e2")) == (None, b"1")
    await apply(store, change("job/a", "e2", row, b"\x00\xff"))
    row = await state.row("s", "job/a")
    assert row is not None
    assert (row.seen_by("e2", "e2"), row.seen_by("e3", "e3")) == (b"1", b"\x00\xff")
    await apply(store, change("job/_", "e2", None, b"x"), change("jobs", "e2", None, b"x"))
    found = await store.read(lambda c: state_rows(c, "s", "job/"))
    assert {key for key, _ in found} == {"job/a", "job/_"}
    await apply(store, change("job/a", "e3", row, None, at=100))
    assert await state.row("s", "job/a") is not None, "kept for the event that comes again"
    assert await store.write(lambda c: sweep(c, older_than=100)) == 0
    assert await store.write(lambda c: sweep(c, older_than=101)) == 1
    assert await state.row("s", "job/a") is None


async def test_a_change_of_what_another_event_changed_is_noticed(store: PostgresStore):
    state = StoredState(store)
    await apply(store, change("k", "e1", None, b"1"))
    seen = await state.row("s", "k")
    await apply(store, change("k", "e2", seen, b"2"))
    with pytest.raises(StateConflict):
        await apply(store, change("k", "e3", seen, b"3"))
    with pytest.raises(StateConflict):
        await apply(store, change("k", "e3", None, b"3"))
    row = await state.row("s", "k")
    assert row is not None
    assert row.after == b"2"
