"""Groups as the cluster sees them: who is in them, how to send them elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from lineal.bus.kafka import errors
from lineal.bus.kafka.assignment import PROTOCOL_TYPE, read_assignment
from lineal.bus.kafka.committed import commit_offsets
from lineal.bus.kafka.connection import Connection
from lineal.bus.kafka.errors import NotAMember, TryAgain
from lineal.bus.kafka.requests import DESCRIBE_GROUPS, LEAVE_GROUP, LIST_GROUPS
from lineal.side_by_side import all_of

_SECONDS = 15.0


class GroupMember(NamedTuple):
    """A member of a group."""

    member: str
    instance: str | None
    client: str
    partitions: frozenset[TopicPartition]

    @property
    def name(self) -> str:
        """What it is known by to people."""
        return self.instance or self.client


async def group_names(connection: Connection) -> set[str]:
    """All groups of consumers on the cluster.

    Raises:
        BusUnavailable
    """
    found: set[str] = set()

    async def ask(node: int) -> None:
        answer = await connection.send(node, LIST_GROUPS())
        errors.check(answer[1], "listing groups")
        found.update(group for group, kind in answer[2] if kind in (PROTOCOL_TYPE, ""))

    async def attempt() -> None:
        await all_of(ask(node) for node in connection.nodes)

    await connection.persist(attempt, _SECONDS)
    return found


async def group_members(
    connection: Connection, groups: Iterable[str]
) -> dict[str, list[GroupMember]]:
    """The members of each group.

    Raises:
        BusUnavailable
    """
    found: dict[str, list[GroupMember]] = {}

    async def ask(group: str) -> None:
        async def attempt() -> None:
            answer = await connection.ask_coordinator(
                "group", group, DESCRIBE_GROUPS([group], False)
            )
            for code, name, _, _, _, members, _ in answer[1]:
                connection.check_coordinator("group", group, code, "describing a group")
                found[name] = [
                    GroupMember(
                        member, instance, client, read_assignment(assignment or b"").partitions
                    )
                    for member, instance, client, _, _, assignment in members
                ]

        await connection.persist(attempt, _SECONDS)

    await all_of(ask(group) for group in groups)
    return found


async def send_to(
    connection: Connection, group: str, offsets: Mapping[TopicPartition, int]
) -> None:
    """Move a group to offsets, its members with it.

    Offsets of a group with members can be set by these only. So they are shown out, which they take
    note of with the next heartbeat at the latest; what they have begun does not count any more;
    they join again, and begin where the group stands then.

    Raises:
        BusUnavailable
    """
    marks = {place: (offset, "") for place, offset in offsets.items()}

    async def attempt() -> None:
        members: list[GroupMember] = (await group_members(connection, [group]))[group]
        if members:
            leaving: list[tuple[Any, Any]] = [
                (item.member, None) if item.instance is None else ("", item.instance)
                for item in members
            ]
            answer = await connection.ask_coordinator("group", group, LEAVE_GROUP(group, leaving))
            connection.check_coordinator("group", group, answer[1], "showing workers out")
        try:
            await commit_offsets(connection, group, marks, seconds=_SECONDS)
        except NotAMember as error:
            raise TryAgain(f"group {group} took in a member meanwhile") from error

    await connection.persist(attempt, _SECONDS)
