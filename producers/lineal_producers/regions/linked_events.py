"""Which events came from other regions, and where they have been.

A row is written in the transaction that publishes the event, so what is known here was brought, and
is not brought again, by whichever link. Rows are deleted after :data:`WINDOW_US`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar, NamedTuple

from lineal.effects.effect import Effect, register
from lineal.effects.seen import WINDOW_US
from lineal.errors import StateConflict
from lineal.lineage.projections import Projection
from lineal.store import copying
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore

_TABLE = """
CREATE TABLE linked_events (
    event BLOB PRIMARY KEY,
    link TEXT NOT NULL,
    outcome TEXT NOT NULL,
    route TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX linked_events_at ON linked_events (at);
"""
_QUERY_SIZE = 400


@dataclass(frozen=True, slots=True)
class EventLinked(Effect):
    """An event was brought here, or rejected."""

    kind: ClassVar[str] = "regions.linked"
    read_by_others: ClassVar[bool] = False

    source: str
    event_id: str
    link: str
    outcome: str
    """``brought`` or ``rejected``."""
    route: str
    """The installations that it came through, the first one first, with spaces between."""
    at: int
    """Microseconds since the Unix epoch."""
    exclusive: bool
    """Whether the transaction fails if the event is known already: where it holds the event too."""


class LinkedEvent(NamedTuple):
    """What is known of an event that came from another region."""

    link: str
    outcome: str
    route: tuple[str, ...]


def linked_events(
    connection: Connection, events: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], LinkedEvent]:
    """Those of some events, given as source and id, that came from other regions."""
    keys = {_key(source, event_id): (source, event_id) for source, event_id in events}
    asked = list(keys)
    found = {}
    for begin in range(0, len(asked), _QUERY_SIZE):
        some = asked[begin : begin + _QUERY_SIZE]
        rows = connection.execute(
            "SELECT event, link, outcome, route FROM linked_events "
            f"WHERE event IN ({', '.join('?' * len(some))})",
            some,
        )
        for key, link, outcome, route in rows:
            found[keys[bytes(key)]] = LinkedEvent(link, outcome, tuple(route.split()))
    return found


def count_linked(connection: Connection, link: str) -> dict[str, int]:
    """How many events a link has brought and rejected, by outcome, in the last 14 days."""
    rows = connection.execute(
        "SELECT outcome, count(*) FROM linked_events WHERE link = ? GROUP BY outcome", (link,)
    )
    return dict(rows.fetchall())


def sweep_linked(connection: Connection, now: int) -> int:
    """Forget what came more than 14 days ago; returns how many rows."""
    before = now - WINDOW_US
    return connection.execute("DELETE FROM linked_events WHERE at < ?", (before,)).rowcount


def _key(source: str, event_id: str) -> bytes:
    # A digest: a source may hold the name of a person's file, and rows outlive an erasure.
    return blake2b(f"{len(source)} {source}{event_id}".encode(), digest_size=16).digest()


def _apply(connection: Connection, events: Sequence[EventLinked]) -> None:
    for exclusive in (True, False):
        rows = sorted(
            (_key(item.source, item.event_id), item.link, item.outcome, item.route, item.at)
            for item in events
            if item.exclusive is exclusive
        )
        if not rows:
            continue
        changed = connection.executemany(
            "INSERT INTO linked_events (event, link, outcome, route, at) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT (event) DO NOTHING",
            rows,
        ).rowcount
        if exclusive and changed != len(rows):
            raise StateConflict("another link has brought an event meanwhile")


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    rest = ("link", "outcome", "route", "at")
    table = copying.Table("linked_events", "events of links", ("event",), rest)
    await copying.equal_rows(source, target, table, progress)


LINKED_EVENTS = Projection(
    "events of links",
    (Table("linked_events", _TABLE),),
    copy=_copy,
    erasure="digests of the ids of events, and what became of each: no content",
)

register(_apply, EventLinked)
