"""Lists topics with their numbers of events, groups and lag."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lineal.bus.embedded.event_rows import first_offset_since
from lineal.bus.protocol import GroupInfo, PartitionLag, TopicInfo
from lineal.store.sqlite import SqliteConnection
from lineal.store.wakeup import Wakeups, process_alive
from lineal_schemas.envelope import now_us

_MINUTE_US = 60_000_000


def topic_infos(connection: SqliteConnection, wakeups: Wakeups | None = None) -> list[TopicInfo]:
    """All topics with their groups and lag, by name.

    Args:
        wakeups: know which processes are alive; without them no group counts as active.
    """
    # All of one moment: what a stage hands on while topics are counted is not seen on neither.
    connection.execute("BEGIN")
    try:
        return _topic_infos(connection, wakeups)
    finally:
        connection.execute("COMMIT")


def _topic_infos(connection: SqliteConnection, wakeups: Wakeups | None) -> list[TopicInfo]:
    working = _groups_working_elsewhere(connection, wakeups) if wakeups is not None else ()
    since = now_us() - _MINUTE_US
    infos = []
    rows = connection.execute(
        "SELECT id, name, partitions, retention_seconds FROM topics ORDER BY name"
    )
    for identifier, name, partitions, retention in rows.fetchall():
        bounds = connection.execute(
            "SELECT id, first_offset, next_offset FROM partitions WHERE topic = ?", (identifier,)
        ).fetchall()
        recent = sum(
            end - first_offset_since(connection, partition, since, first, end)
            for partition, first, end in bounds
        )
        infos.append(
            TopicInfo(
                topic=name,
                partitions=partitions,
                events=sum(end - first for _, first, end in bounds),
                published_last_minute=recent,
                retention_seconds=retention,
                groups=tuple(_groups_of(connection, name, identifier, working)),
            )
        )
    return infos


def _groups_working_elsewhere(connection: SqliteConnection, wakeups: Wakeups) -> set[str]:
    rows = connection.execute(
        "SELECT groups.name, member FROM group_members JOIN groups ON groups.id = group_id"
    )
    working = set()
    for group, member in rows:
        process = member.rpartition(".")[0]
        if process != wakeups.member and process_alive(wakeups.directory, process):
            working.add(group)
    return working


def _groups_of(
    connection: SqliteConnection, topic: str, topic_id: int, working: Collection[str]
) -> Iterator[GroupInfo]:
    rows = connection.execute(
        "SELECT groups.name, number, position, next_offset, owner FROM group_partitions "
        "JOIN groups ON groups.id = group_id JOIN partitions ON partitions.id = partition_id "
        "WHERE topic = ? ORDER BY groups.name, number",
        (topic_id,),
    )
    groups: dict[str, list[PartitionLag]] = {}
    for name, number, position, end, owner in rows:
        groups.setdefault(name, []).append(PartitionLag(number, position, end, owner))
    for name, lags in groups.items():
        yield GroupInfo(name, topic, tuple(lags), name in working)
