"""What an event is known by, in one string: an id says nothing without the source that gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal.store.connection import Connection
    from lineal_schemas.envelope import RawEvent

_SEPARATOR = "\n"  # no attribute of a CloudEvent has control characters


def event_key(event: RawEvent) -> str:
    """Its id and source."""
    return f"{event.id}{_SEPARATOR}{event.source}"


def occurrence_key(event: RawEvent) -> str:
    """The same, and for what takes the place of another event, which and when: made anew by a
    replay, perhaps under an id that has counted, it counts once more."""
    if event.supersedes is None:
        return event_key(event)
    return _SEPARATOR.join((event_key(event), event.supersedes, str(event.time)))


def is_event(kept: str, key: str) -> bool:
    """Whether what a row keeps is a key; rows of an earlier lineal keep the id alone."""
    return kept == key or kept == key.partition(_SEPARATOR)[0]


def id_of_key(connection: Connection, column: str) -> str:
    """The SQL for the event's id in a column of keys."""
    if connection.dialect.name == "postgres":
        return f"split_part({column}, chr(10), 1)"
    return f"substr({column}, 1, instr({column} || char(10), char(10)) - 1)"
