"""The effect of noting that a group has handled an event, so that a duplicate counts once.

An event is known by its source and id. Rows are found by sixteen bytes of their digest, and are
swept when they are older than :data:`WINDOW_US`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.errors import StateConflict
from lineal.store.connection import Connection

WINDOW_US = 14 * 86_400 * 1_000_000
"""How far apart two publications of one event may lie and still count once: 14 days."""

_QUERY_SIZE = 400
_OUTDATED = "lineal.outdated"
"""The group under which events that a replay took back are noted: no stage's."""


@dataclass(frozen=True, slots=True)
class Seen(Effect):
    """A group has handled an event."""

    kind: ClassVar[str] = "seen"
    read_by_others: ClassVar[bool] = True

    group: str
    source: str
    event_id: str
    position: str
    """Where it was delivered: at another position it is a second publication."""
    at: int
    """Microseconds since the Unix epoch."""


def seen_positions(
    connection: Connection, group: str, events: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """The positions at which a group has handled those of the events, given as source and id, that
    it has handled."""
    keys = {_key(source, event_id): (source, event_id) for source, event_id in events}
    asked = list(keys)
    found = {}
    for begin in range(0, len(asked), _QUERY_SIZE):
        some = asked[begin : begin + _QUERY_SIZE]
        rows = connection.execute(
            "SELECT event, position FROM seen_events WHERE group_name = ? "
            f"AND event IN ({', '.join('?' * len(some))})",
            (group, *some),
        )
        for key, position in rows:
            found[keys[bytes(key)]] = position
    return found


def outdated(source: str, event_id: str, at: int) -> Seen:
    """The effect of noting that an event was superseded or withdrawn, for all groups that have not
    handled it."""
    return Seen(_OUTDATED, source, event_id, "", at)


def outdated_events(
    connection: Connection, events: Sequence[tuple[str, str]]
) -> Collection[tuple[str, str]]:
    """Those of the events, given as source and id, that were superseded or withdrawn at some time:
    perhaps they were made again since."""
    return seen_positions(connection, _OUTDATED, events).keys()


def sweep_seen(connection: Connection, before: int) -> int:
    """Forget what was handled before a time in microseconds; returns how many rows."""
    return connection.execute("DELETE FROM seen_events WHERE at < ?", (before,)).rowcount


def _key(source: str, event_id: str) -> bytes:
    return blake2b(f"{len(source)} {source}{event_id}".encode(), digest_size=16).digest()


def _apply(connection: Connection, events: Sequence[Seen]) -> None:
    # Sorted, so that two transactions that enter the same ones wait for each other in one order.
    rows = sorted(
        (item.group, _key(item.source, item.event_id), item.position, item.at) for item in events
    )
    changed = connection.executemany(
        "INSERT INTO seen_events (group_name, event, position, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (group_name, event) DO UPDATE SET at = excluded.at "
        "WHERE seen_events.position = excluded.position",
        rows,
    ).rowcount
    if changed != len(rows):
        # Handled under another position meanwhile: handled again, it is found to be known.
        raise StateConflict("an event was handled by another worker meanwhile")


register(_apply, Seen)
