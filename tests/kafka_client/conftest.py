"""A connection to a real broker, and a topic of one's own on it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import TopicPartition

from lineal.kafka_client.admin import BROKER_DEFAULT, create_topic
from lineal.kafka_client.connection import Cluster, Connection
from lineal_local.kafka import Kafka


@pytest.fixture
async def connection(kafka: Kafka) -> AsyncIterator[Connection]:
    connection = Connection(Cluster((kafka.bootstrap,), "test", {}, request_seconds=240.0))
    await connection.open()
    yield connection
    await connection.close()


@pytest.fixture
async def partition(connection: Connection) -> TopicPartition:
    topic = f"client-{uuid.uuid4().hex[:10]}"
    await create_topic(connection, topic, 1, BROKER_DEFAULT, {})
    return TopicPartition(topic, 0)
