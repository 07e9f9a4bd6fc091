"""Topics of a cluster: CreateTopics, DescribeConfigs, IncrementalAlterConfigs (KIP-339)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition

from lineal.kafka_client import errors
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import KafkaUnavailable, RetriableError
from lineal.kafka_client.requests import (
    CREATE_TOPICS,
    DESCRIBE_CONFIGS,
    INCREMENTAL_ALTER_CONFIGS,
)

_SECONDS = 30.0
_TOPIC_RESOURCE, _SET = 2, 0
BROKER_DEFAULT = -1
"""As replication factor: the broker's ``default.replication.factor`` (KIP-464)."""


class InvalidReplication(KafkaUnavailable):
    """The cluster has too few brokers for the replication factor."""


async def create_topic(
    connection: Connection,
    topic: str,
    partitions: int,
    replication: int,
    configs: Mapping[str, str],
) -> None:
    """Create a topic, unless it exists; returns when all its partitions have leaders.

    Raises:
        InvalidReplication, KafkaUnavailable
    """

    async def create() -> None:
        entry: tuple[Any, ...] = (topic, partitions, replication, [], list(configs.items()))
        answer = await connection.send_to_controller(
            CREATE_TOPICS([entry], round(_SECONDS * 1000), False)
        )
        for _, code, message in answer[1]:
            if code == errors.INVALID_REPLICATION_FACTOR:
                raise InvalidReplication(
                    f"Kafka cannot keep {replication} copies of topic {topic}: {message}"
                )
            if code != errors.TOPIC_ALREADY_EXISTS:
                errors.check(code, f"creating topic {topic} ({message})")

    async def until_led() -> None:
        await connection.refresh_metadata()
        count = connection.partition_count(topic)
        if not count:
            raise RetriableError(f"topic {topic} is being created")
        for number in range(count):
            connection.leader(TopicPartition(topic, number))

    await connection.retry(create, _SECONDS)
    await connection.retry(until_led, _SECONDS, first_pause=0.01)


async def alter_topic(connection: Connection, topic: str, configs: Mapping[str, str]) -> None:
    """Set configs of a topic.

    Raises:
        KafkaUnavailable
    """

    async def attempt() -> None:
        changes = [(key, _SET, value) for key, value in configs.items()]
        request = INCREMENTAL_ALTER_CONFIGS([(_TOPIC_RESOURCE, topic, changes)], False)
        answer = await connection.send_to_controller(request)
        for code, message, *_ in answer[1]:
            errors.check(code, f"configuring topic {topic} ({message})")

    await connection.retry(attempt, _SECONDS)


async def topic_config(connection: Connection, topics: Iterable[str], name: str) -> dict[str, str]:
    """The value of a config by topic, for the topics that the cluster describes.

    Raises:
        KafkaUnavailable
    """
    resources = [(_TOPIC_RESOURCE, topic, [name]) for topic in topics]
    answer = await connection.retry(
        lambda: connection.send_to_any(DESCRIBE_CONFIGS(resources, False)), _SECONDS
    )
    found: dict[str, str] = {}
    for code, _, _, topic, configs in answer[1]:
        if code == errors.NONE:
            for _, value, *_ in configs:
                found[topic] = value
    return found
