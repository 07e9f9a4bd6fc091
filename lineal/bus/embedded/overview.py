"""Lists topics with their numbers of events, groups and lag."""

from __future__ import annotations

from collections.abc import Collection

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
    # Each table is read once: asked for topic by topic, hundreds of topics take a hundred times
    # as long, of which nearly all have had no event.
    bounds = _partition_bounds(connection)
    groups = _groups_by_topic(connection, working)
    infos = []
    for identifier, name, partitions, retention in connection.execute(
        "SELECT id, name, partitions, retention_seconds FROM topics ORDER BY name"
    ).fetchall():
        mine = bounds.get(identifier, ())
        recent = sum(
            end - first_offset_since(connection, partition, since, first, end)
            for partition, first, end in mine
            if end > first
        )
        infos.append(
            TopicInfo(
                topic=name,
                partitions=partitions,
                events=sum(end - first for _, first, end in mine),
                published_last_minute=recent,
                retention_seconds=retention,
                groups=tuple(groups.get(identifier, ())),
            )
        )
    return infos


def _partition_bounds(connection: SqliteConnection) -> dict[int, list[tuple[int, int, int]]]:
    """By topic: the partitions' ids, with their first offset and the one behind their last."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    for topic, *bounds in connection.execute(
        "SELECT topic, id, first_offset, next_offset FROM partitions"
    ):
        found.setdefault(topic, []).append((bounds[0], bounds[1], bounds[2]))
    return found


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


def _groups_by_topic(
    connection: SqliteConnection, working: Collection[str]
) -> dict[int, list[GroupInfo]]:
    """By topic: its groups, by name, with how far they are in each partition."""
    rows = connection.execute(
        "SELECT topic, topics.name, groups.name, number, position, next_offset, owner "
        "FROM group_partitions JOIN groups ON groups.id = group_id "
        "JOIN partitions ON partitions.id = partition_id JOIN topics ON topics.id = topic "
        "ORDER BY topic, groups.name, number"
    )
    lags: dict[tuple[int, str, str], list[PartitionLag]] = {}
    for topic_id, topic, name, number, position, end, owner in rows:
        lags.setdefault((topic_id, topic, name), []).append(
            PartitionLag(number, position, end, owner)
        )
    found: dict[int, list[GroupInfo]] = {}
    for (topic_id, topic, name), parts in lags.items():
        found.setdefault(topic_id, []).append(GroupInfo(name, topic, tuple(parts), name in working))
    return found
