"""Administers consumer groups: lists them and their members, resets their offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from lineal.concurrency import gather_all
from lineal.kafka_client import errors
from lineal.kafka_client.assignor import PROTOCOL_TYPE, read_assignment
from lineal.kafka_client.committed_offsets import GroupMetadata, commit_offsets
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import RetriableError, UnknownMember
from lineal.kafka_client.requests import DESCRIBE_GROUPS, LEAVE_GROUP, LIST_GROUPS

_SECONDS = 15.0


class MemberDescription(NamedTuple):
    """A member of a group, as DescribeGroups lists it."""

    member: str
    static_member_id: str | None
    client_id: str
    partitions: frozenset[TopicPartition]

    @property
    def name(self) -> str:
        """The static member id, else the client id."""
        return self.static_member_id or self.client_id


async def list_groups(connection: Connection) -> set[str]:
    """All consumer groups of the cluster.

    Raises:
        KafkaUnavailable
    """
    found: set[str] = set()

    async def ask(node: int) -> None:
        answer = await connection.send(node, LIST_GROUPS())
        errors.check(answer[1], "listing groups")
        found.update(group for group, kind in answer[2] if kind in (PROTOCOL_TYPE, ""))

    async def attempt() -> None:
        await gather_all(ask(node) for node in connection.nodes)

    await connection.retry(attempt, _SECONDS)
    return found


async def describe_groups(
    connection: Connection, groups: Iterable[str]
) -> dict[str, list[MemberDescription]]:
    """The members of each group.

    Raises:
        KafkaUnavailable
    """
    found: dict[str, list[MemberDescription]] = {}

    async def ask(group: str) -> None:
        async def attempt() -> None:
            answer = await connection.send_to_coordinator(
                "group", group, DESCRIBE_GROUPS([group], False)
            )
            for code, name, _, _, _, members, _ in answer[1]:
                connection.check_coordinator("group", group, code, "describing a group")
                found[name] = [
                    MemberDescription(
                        member, instance, client_id, read_assignment(assignment or b"").partitions
                    )
                    for member, instance, client_id, _, _, assignment in members
                ]

        await connection.retry(attempt, _SECONDS)

    await gather_all(ask(group) for group in groups)
    return found


async def reset_offsets(
    connection: Connection, group: str, offsets: Mapping[TopicPartition, int]
) -> None:
    """Move a group to offsets, also while it has members.

    A group with members takes offsets from these only. So they are removed (LeaveGroup by static
    member id, KIP-345). They learn of it by their next heartbeat; what they have in flight no
    longer counts; they join again and start at the new offsets.

    Raises:
        KafkaUnavailable
    """
    committed = {topic_partition: (offset, "") for topic_partition, offset in offsets.items()}

    async def attempt() -> None:
        members = (await describe_groups(connection, [group]))[group]
        if members:
            leaving: list[tuple[Any, Any]] = [
                (item.member, None)
                if item.static_member_id is None
                else ("", item.static_member_id)
                for item in members
            ]
            answer = await connection.send_to_coordinator(
                "group", group, LEAVE_GROUP(group, leaving)
            )
            connection.check_coordinator("group", group, answer[1], "removing members")
        try:
            await commit_offsets(connection, GroupMetadata(group), committed, seconds=_SECONDS)
        except UnknownMember as error:
            raise RetriableError(f"a member joined group {group} meanwhile") from error

    await connection.retry(attempt, _SECONDS)
