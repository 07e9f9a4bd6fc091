"""The inbox and what else the store keeps for this bus, in both kinds of store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.bus.aws import inbox
from lineal.bus.protocol import Position
from lineal.store.connection import Store
from lineal.store.database import Database
from lineal_schemas.envelope import RawEvent, first_event, now_us
from tests.bus.aws.harness import AwsTask


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "sqlite":
        database = Database(tmp_path, durability="normal")
        database.open()
        yield database
        await database.close()
        return
    from lineal.store.postgres.store import PostgresStore

    postgres = PostgresStore(request.getfixturevalue("postgres_url"))
    await postgres.open()
    yield postgres
    await postgres.close()


async def test_a_publication_is_entered_once_however_many_try(store: Store) -> None:
    publications = [f"event {n}" for n in range(500)]

    async def enter(begin: int) -> set[str]:
        return await store.write(lambda c: inbox.enter(c, "g", publications[begin:]))

    entered = await asyncio.gather(*(enter(begin) for begin in (0, 100, 200, 0)))
    assert sorted(name for names in entered for name in names) == sorted(publications)
    assert await store.write(lambda c: inbox.enter(c, "other", ["event 1"])) == {"event 1"}
    asked = ["event 1", "event 499", "event 500"]
    assert await store.read(lambda c: inbox.handled(c, "g", asked)) == {"event 1", "event 499"}


async def test_what_no_message_can_ask_for_is_forgotten(store: Store) -> None:
    await store.write(lambda c: inbox.enter(c, "g", ["old", "new"]))
    long_ago = now_us() - inbox.RETENTION_US - 1
    await store.write(
        lambda c: (
            c.execute("UPDATE handled SET at = ? WHERE publication = 'old'", (long_ago,)) and None
        )
    )
    assert await store.write(inbox.prune) == 1
    assert await store.read(lambda c: inbox.handled(c, "g", ["old", "new"])) == {"new"}


async def test_others_at_work_are_seen_until_they_leave(store: Store) -> None:
    await store.write(lambda c: inbox.record_member(c, {"g", "h"}, "one"))
    await store.write(lambda c: inbox.record_member(c, {"g"}, "one"))
    assert await store.read(lambda c: inbox.other_groups(c, "one")) == set()
    assert await store.read(lambda c: inbox.other_groups(c, "two")) == {"g", "h"}
    await store.write(lambda c: inbox.remove_member(c, "g", "one"))
    assert await store.read(lambda c: inbox.other_groups(c, "two")) == {"h"}


def letter(number: int) -> RawEvent:
    return first_event(
        AwsTask(key="a", number=number), id=f"{number}", source="test:x", time=number
    )


async def test_dead_letters_are_read_in_portions_each_once(store: Store) -> None:
    placed = [(Position("dead.g", 7, 1000 + n // 3), letter(n)) for n in range(450)]
    elsewhere = (Position("document.arrived", 7, 1), letter(1))
    await store.write(lambda c: inbox.put_dead_letters(c, [*placed, elsewhere, placed[0]]))
    assert await store.read(inbox.dead_letter_counts) == {"dead.g": 450}
    found: list[str] = []
    after = (0, "")
    while portion := await store.read(lambda c, a=after: inbox.dead_letters_after(c, "dead.g", a)):  # type: ignore[misc]
        found += [delivery.event.id for delivery in portion]
        after = (portion[-1].position.offset, portion[-1].event.id)
    assert sorted(found, key=int) == [str(n) for n in range(450)]
    (first, *_) = await store.read(lambda c: inbox.dead_letters_after(c, "dead.g", (0, "")))
    assert (first.position, first.event) == placed[0]
