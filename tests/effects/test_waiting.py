"""Which event of a key is the first that waits, on SQLite and Postgres alike."""

from __future__ import annotations

from lineal.effects.effect import apply
from lineal.effects.sweep import sweep
from lineal.effects.waiting import EventOfKey, KeyHeld, KeyReleased, numbers_of, queue_places
from lineal.store.connection import Connection


def held(key: str, event_id: str) -> KeyHeld:
    return KeyHeld("book", key, "test:x", event_id, f"t/0/{event_id}")


def released(key: str, event_id: str, position: str = "r/0/1") -> KeyReleased:
    return KeyReleased("book", key, "test:x", event_id, position, 5)


def first_of(connection: Connection, key: str, event_id: str = "other") -> str | None:
    (place,) = queue_places(connection, "book", [EventOfKey(key, "test:x", event_id)])
    return None if place.first is None else place.first[1]


def test_the_first_of_a_key_is_the_one_that_was_held_first(connection: Connection) -> None:
    apply(connection, [held("ä", "2"), held("ä", "3"), held("Z", "9"), held("ä", "2")])
    asked = [
        EventOfKey("ä", "test:x", "3"),
        EventOfKey("b", "test:x", "1"),
        EventOfKey("Z", "test:x", "9"),
        EventOfKey("ä", "test:other", "3"),
    ]
    places = queue_places(connection, "book", asked)
    assert [place.first for place in places] == [
        ("test:x", "2"), None, ("test:x", "9"), ("test:x", "2"),
    ]  # fmt: skip
    assert [place.held_at for place in places] == ["t/0/3", None, "t/0/9", None]
    assert [place.first for place in queue_places(connection, "other", asked)] == [None] * 4


def test_one_that_is_released_makes_way_and_keeps_its_position(connection: Connection) -> None:
    apply(connection, [held("a", "2"), held("a", "3"), released("a", "2")])
    (place,) = queue_places(connection, "book", [EventOfKey("a", "test:x", "2")])
    assert (place.first, place.held_at, place.released_at) == (("test:x", "3"), None, "r/0/1")
    apply(connection, [held("a", "2")])
    assert first_of(connection, "a") == "2", "failed again, it has its old place"
    assert numbers_of(connection, "book", "a") == {("test:x", "2"): 1, ("test:x", "3"): 2}
    apply(connection, [released("a", "2", ""), released("a", "3")])
    assert first_of(connection, "a") is None
    assert sweep(connection, 5) == 0
    assert sweep(connection, 6) == 2
