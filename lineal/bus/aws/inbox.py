"""The inbox: which messages a group has handled, for a bus that delivers at least once.

The *inbox* makes the effect exactly once: a publication is entered in the transaction of all
effects of its handling, so a second handling finds it there and does nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from lineal.bus.protocol import Delivery, Position
from lineal.bus.topic_names import is_dead_letter_topic
from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, from_json, now_us

RETENTION_US = 14 * 86_400 * 1_000_000
"""How long the inbox remembers: SQS keeps no message for longer than 14 days."""
MEMBER_TIMEOUT_US = 30 * 1_000_000
"""A worker that has not been seen for this long is gone."""
_CHUNK_SIZE = 200
_PAGE_SIZE = 200

Placed = tuple[Position, RawEvent]
"""An event with where it was published."""


def handled(connection: Connection, group: str, publications: Sequence[str]) -> set[str]:
    """Which of these publications a group has handled."""
    found: set[str] = set()
    for some in _chunks(publications):
        rows = connection.execute(
            "SELECT publication FROM handled WHERE group_name = ? "
            f"AND publication IN ({', '.join('?' * len(some))})",
            (group, *some),
        )
        found.update(publication for (publication,) in rows)
    return found


def enter(connection: Connection, group: str, publications: Collection[str]) -> set[str]:
    """Note publications as handled by a group; returns those that were not noted before."""
    now = now_us()
    entered: set[str] = set()
    # Sorted, so that two transactions that enter the same ones wait for each other in one order.
    for some in _chunks(sorted(publications)):
        rows = connection.execute(
            "INSERT INTO handled (group_name, publication, at) "
            f"VALUES {', '.join(['(?, ?, ?)'] * len(some))} "
            "ON CONFLICT DO NOTHING RETURNING publication",
            [value for publication in some for value in (group, publication, now)],
        ).fetchall()
        entered.update(publication for (publication,) in rows)
    return entered


def remove(connection: Connection, group: str, publications: Collection[str]) -> None:
    """Publications are not handled by a group after all."""
    connection.executemany(
        "DELETE FROM handled WHERE group_name = ? AND publication = ?",
        [(group, publication) for publication in sorted(publications)],
    )


def put_dead_letters(connection: Connection, placed: Iterable[Placed]) -> None:
    """Keep those of the events that are dead letters, for as long as there is a store."""
    for position, event in placed:
        if is_dead_letter_topic(position.topic):
            connection.execute(
                "INSERT INTO dead_letters (topic, event_id, key_number, published, event) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (topic, event_id) DO UPDATE SET "
                "published = excluded.published, event = excluded.event",
                (position.topic, event.id, position.partition, position.offset,
                 event.to_json(exact=True)),
            )  # fmt: skip


def dead_letters_after(
    connection: Connection, topic: str, after: tuple[int, str]
) -> list[Delivery]:
    """Some dead letters of a topic published after a time and id, in that order; empty: no more."""
    rows = connection.execute(
        "SELECT key_number, published, event FROM dead_letters "
        "WHERE topic = ? AND (published, event_id) > (?, ?) ORDER BY published, event_id LIMIT ?",
        (topic, *after, _PAGE_SIZE),
    )
    return [
        Delivery(Position(topic, number, published), from_json(bytes(event)))
        for number, published, event in rows
    ]


def dead_letter_counts(connection: Connection) -> dict[str, int]:
    """How many dead letters each dead-letter topic has."""
    return dict(
        connection.execute("SELECT topic, count(*) FROM dead_letters GROUP BY topic").fetchall()
    )


def record_member(connection: Connection, groups: Collection[str], member: str) -> None:
    """Note that a worker of some groups is alive."""
    connection.executemany(
        "INSERT INTO members (group_name, member, seen) VALUES (?, ?, ?) "
        "ON CONFLICT (group_name, member) DO UPDATE SET seen = excluded.seen",
        [(group, member, now_us()) for group in sorted(groups)],
    )


def remove_member(connection: Connection, group: str, member: str) -> None:
    """A worker has left a group."""
    connection.execute("DELETE FROM members WHERE group_name = ? AND member = ?", (group, member))


def other_groups(connection: Connection, member: str) -> set[str]:
    """The groups that other living workers work for."""
    rows = connection.execute(
        "SELECT DISTINCT group_name FROM members WHERE member <> ? AND seen > ?",
        (member, now_us() - MEMBER_TIMEOUT_US),
    )
    return {group for (group,) in rows}


def prune(connection: Connection) -> int:
    """Delete what no message can ask for any more; returns how many publications."""
    connection.execute("DELETE FROM members WHERE seen < ?", (now_us() - 10 * MEMBER_TIMEOUT_US,))
    return connection.execute(
        "DELETE FROM handled WHERE at < ?", (now_us() - RETENTION_US,)
    ).rowcount


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(items), _CHUNK_SIZE):
        yield items[begin : begin + _CHUNK_SIZE]
