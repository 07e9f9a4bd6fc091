"""Rows of a group: its positions, and which member has leased which partition until when.

Partitions are held by lease. Every change of holder raises the partition's epoch, and an update
names the epoch that it was decided at: one decided on an outdated view changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lineal.bus.protocol import Start
from lineal.store.wakeup import process_alive


class PartitionRow(NamedTuple):
    """A group's position in a partition, and its holder."""

    partition_id: int
    position: int
    epoch: int
    owner: str | None
    lease_until: int


class Claimed(NamedTuple):
    """A partition that was taken, with what was done in it before."""

    partition_id: int
    epoch: int
    position: int
    completed: list[int]


def join_group(
    connection: sqlite3.Connection, group: str, partitions: Sequence[int], start: Start
) -> int:
    """Make sure that a group has a position in each partition; returns the group's id."""
    connection.execute("INSERT OR IGNORE INTO groups (name) VALUES (?)", (group,))
    (group_id,) = connection.execute("SELECT id FROM groups WHERE name = ?", (group,)).fetchone()
    column = "first_offset" if start == "beginning" else "next_offset"
    connection.executemany(
        "INSERT OR IGNORE INTO group_partitions (group_id, partition_id, position) "
        f"SELECT ?, id, {column} FROM partitions WHERE id = ?",
        [(group_id, identifier) for identifier in partitions],
    )
    return int(group_id)


class Leases:
    """One member's view of its group's rows, and what it may change in them.

    Args:
        pipes: folder of the processes' pipes, by which the dead are known.
        lease_seconds: how long a member that does not renew keeps what it holds.
    """

    def __init__(self, group_id: int, member: str, pipes: Path, lease_seconds: float) -> None:
        self._group_id = group_id
        self._member = member
        self._pipes = pipes
        self._lease_us = int(lease_seconds * 1_000_000)

    def rows(
        self, connection: sqlite3.Connection, partitions: Collection[int]
    ) -> dict[int, PartitionRow]:
        """The rows of these partitions, by their id."""
        found = connection.execute(
            "SELECT partition_id, position, epoch, owner, lease_until FROM group_partitions "
            "WHERE group_id = ?",
            (self._group_id,),
        )
        return {row[0]: PartitionRow._make(row) for row in found if row[0] in partitions}

    def members(self, connection: sqlite3.Connection, now: int) -> tuple[set[str], set[str]]:
        """The members that are alive, this one included, and those that are gone."""
        alive, gone = {self._member}, set()
        rows = connection.execute(
            "SELECT member, seen FROM group_members WHERE group_id = ?", (self._group_id,)
        )
        for member, seen in rows:
            if member == self._member:
                continue
            process = member.rpartition(".")[0]
            if seen >= now - self._lease_us and process_alive(self._pipes, process):
                alive.add(member)
            else:
                gone.add(member)
        return alive, gone

    def renew(self, connection: sqlite3.Connection, now: int) -> None:
        """Be a member, and keep what is held for another term."""
        connection.execute(
            "INSERT INTO group_members VALUES (?, ?, ?) "
            "ON CONFLICT (group_id, member) DO UPDATE SET seen = excluded.seen",
            (self._group_id, self._member, now),
        )
        connection.execute(
            "UPDATE group_partitions SET lease_until = ? WHERE group_id = ? AND owner = ?",
            (now + self._lease_us, self._group_id, self._member),
        )

    def claim(self, connection: sqlite3.Connection, seen: PartitionRow, now: int) -> Claimed | None:
        """Take a partition, unless another member was faster: then its epoch has moved on."""
        row = connection.execute(
            "UPDATE group_partitions SET owner = ?, epoch = epoch + 1, lease_until = ? "
            "WHERE group_id = ? AND partition_id = ? AND epoch = ? RETURNING epoch, position",
            (
                self._member,
                now + self._lease_us,
                self._group_id,
                seen.partition_id,
                seen.epoch,
            ),
        ).fetchone()
        if row is None:
            return None
        completed = connection.execute(
            "SELECT offset FROM group_completed WHERE group_id = ? AND partition_id = ?",
            (self._group_id, seen.partition_id),
        )
        return Claimed(seen.partition_id, row[0], row[1], [offset for (offset,) in completed])

    def give_up(self, connection: sqlite3.Connection, epochs: Mapping[int, int]) -> None:
        """Let go of partitions, named with the epochs they are held in."""
        connection.executemany(
            "UPDATE group_partitions SET owner = NULL, epoch = epoch + 1 "
            "WHERE group_id = ? AND partition_id = ? AND owner = ? AND epoch = ?",
            [
                (self._group_id, identifier, self._member, epoch)
                for identifier, epoch in epochs.items()
            ],
        )

    def advance(
        self, connection: sqlite3.Connection, partition_id: int, epoch: int, position: int
    ) -> bool:
        """Move the position on; False if the partition is no longer held in this epoch."""
        changed = connection.execute(
            "UPDATE group_partitions SET position = max(position, ?) "
            "WHERE group_id = ? AND partition_id = ? AND epoch = ? AND owner = ?",
            (position, self._group_id, partition_id, epoch, self._member),
        ).rowcount
        return bool(changed)

    def remember_completed(
        self,
        connection: sqlite3.Connection,
        partition_id: int,
        position: int,
        completed: Iterable[int],
    ) -> None:
        """Note offsets that are done beyond the position, so that a crash does not repeat them."""
        connection.execute(
            "DELETE FROM group_completed WHERE group_id = ? AND partition_id = ? AND offset < ?",
            (self._group_id, partition_id, position),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO group_completed VALUES (?, ?, ?)",
            [(self._group_id, partition_id, offset) for offset in completed],
        )

    def forget_members(self, connection: sqlite3.Connection, members: Collection[str]) -> None:
        """Remove members that are gone."""
        connection.executemany(
            "DELETE FROM group_members WHERE group_id = ? AND member = ?",
            [(self._group_id, member) for member in members],
        )
