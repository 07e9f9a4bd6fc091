"""The local Kafka is a real one: transactions, SASL over TLS, data that outlives kill -9."""

from __future__ import annotations

import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from lineal_local.kafka import Kafka, unsigned_token


async def produce(kafka: Kafka, topic: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"key")


async def read(kafka: Kafka, topic: str, number: int, **settings: object) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", **settings
    )
    async with consumer:
        return [(await consumer.getone()).value for _ in range(number)]


async def create(kafka: Kafka, topic: str, partitions: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, len(kafka.running))])
    finally:
        await admin.close()


@pytest.fixture
def topic() -> str:
    return f"local-{uuid.uuid4().hex}"


async def test_only_committed_transactions_are_read(kafka: Kafka, topic: str) -> None:
    await create(kafka, topic)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic)
    async with producer:
        with pytest.raises(LookupError):
            async with producer.transaction():
                await producer.send_and_wait(topic, b"aborted")
                raise LookupError
        async with producer.transaction():
            await producer.send_and_wait(topic, b"committed")

    assert await read(kafka, topic, 1, isolation_level="read_committed") == [b"committed"]
    assert await read(kafka, topic, 2) == [b"aborted", b"committed"]


async def test_kill_9_and_restart_keep_the_data(kafka: Kafka, topic: str) -> None:
    await create(kafka, topic)
    bootstrap = kafka.bootstrap
    await produce(kafka, topic, b"before")

    kafka.kill()
    assert kafka.running == [False]
    kafka.restart()

    assert kafka.bootstrap == bootstrap
    await produce(kafka, topic, b"after")
    assert await read(kafka, topic, 2) == [b"before", b"after"]


class Token(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    async def token(self) -> str:
        return unsigned_token("somebody")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "OAUTHBEARER"])
async def test_sasl_over_tls(kafka: Kafka, topic: str, mechanism: str) -> None:
    await create(kafka, topic)
    secure = kafka.secure
    credentials: dict[str, object] = (
        {"sasl_oauth_token_provider": Token()}
        if mechanism == "OAUTHBEARER"
        else {"sasl_plain_username": secure.username, "sasl_plain_password": secure.password}
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=secure.bootstrap,
        security_protocol="SASL_SSL",
        ssl_context=secure.ssl_context(),
        sasl_mechanism=mechanism,
        **credentials,
    )
    async with producer:
        await producer.send_and_wait(topic, b"sealed")

    assert await read(kafka, topic, 1) == [b"sealed"]


async def test_a_wrong_password_is_refused(kafka: Kafka) -> None:
    secure = kafka.secure
    producer = AIOKafkaProducer(
        bootstrap_servers=secure.bootstrap,
        security_protocol="SASL_SSL",
        ssl_context=secure.ssl_context(),
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=secure.username,
        sasl_plain_password="wrong",
    )
    try:
        with pytest.raises(Exception, match=r"(?i)authentication|bootstrap"):
            await producer.start()
    finally:
        await producer.stop()


async def test_three_brokers_go_on_with_two(kafka_cluster: Kafka, topic: str) -> None:
    await create(kafka_cluster, topic, partitions=3)
    await produce(kafka_cluster, topic, b"three")

    kafka_cluster.kill(1)
    await produce(kafka_cluster, topic, b"two")
    kafka_cluster.restart(1)
    await produce(kafka_cluster, topic, b"three again")

    assert await read(kafka_cluster, topic, 3) == [b"three", b"two", b"three again"]
