"""Creates topics and appends events to their partitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zlib import crc32

from lineal.bus.embedded.event_rows import append_events, partition_ids
from lineal.bus.protocol import Addressed, Position, TopicSettings
from lineal.store.database import Database
from lineal.store.sqlite import SqliteConnection
from lineal_schemas.envelope import now_us


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: the same for every process and every run."""
    return crc32(key.encode()) % partitions


class Topics:
    """The topics of a database.

    Args:
        defaults: of topics that are made because something is published to them.
    """

    def __init__(self, database: Database, defaults: TopicSettings) -> None:
        self._database = database
        self._defaults = defaults
        self._partitions: dict[str, list[int]] = {}
        """Partition ids by topic, in the order of their numbers. They never change."""

    def partitions(self, topic: str) -> list[int]:
        """A topic's partition ids in the order of their numbers; empty if it does not exist."""
        return self._partitions.get(topic) or partition_ids(self._database.reader, topic)

    async def create(self, topic: str, settings: TopicSettings | None = None) -> None:
        """See :meth:`lineal.bus.protocol.Bus.create_topic`."""
        chosen = settings or self._defaults
        if topic in self._partitions and settings is None:
            return

        def create(connection: SqliteConnection) -> list[int]:
            connection.execute(
                "INSERT INTO topics (name, partitions, retention_seconds, created) "
                "VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "retention_seconds = excluded.retention_seconds WHERE ?",
                (
                    topic,
                    chosen.partitions,
                    chosen.retention_seconds,
                    now_us(),
                    settings is not None,
                ),
            )
            identifier, partitions = connection.execute(
                "SELECT id, partitions FROM topics WHERE name = ?", (topic,)
            ).fetchone()
            connection.executemany(
                "INSERT OR IGNORE INTO partitions (topic, number) VALUES (?, ?)",
                [(identifier, number) for number in range(partitions)],
            )
            return partition_ids(connection, topic)

        self._partitions[topic] = await self._database.write(create)

    async def ensure(self, names: Iterable[str]) -> set[str]:
        """Make the topics that do not exist; returns the names."""
        topics = set(names)
        for topic in topics:
            if topic not in self._partitions:
                await self.create(topic)
        return topics

    def append(self, connection: SqliteConnection, events: Sequence[Addressed]) -> list[Position]:
        """Append events to topics that exist, in the caller's transaction."""
        placed = []
        counts: dict[int, int] = {}
        for topic, event in events:
            partitions = self._partitions[topic]
            number = partition_of(event.partitionkey, len(partitions))
            identifier = partitions[number]
            index = counts.get(identifier, 0)
            counts[identifier] = index + 1
            placed.append((topic, number, identifier, index, event))
        firsts = append_events(
            connection,
            counts,
            [(identifier, index, event) for _, _, identifier, index, event in placed],
        )
        return [
            Position(topic, number, firsts[identifier] + index)
            for topic, number, identifier, index, _ in placed
        ]
