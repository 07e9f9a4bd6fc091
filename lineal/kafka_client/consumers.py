"""aiokafka's consumer, as this package uses it: without a group, read_committed."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from lineal.kafka_client.client import Client
from lineal.kafka_client.connection import Cluster
from lineal.kafka_client.errors import KafkaUnavailable


def read_committed_consumer(cluster: Cluster, **options: Any) -> AIOKafkaConsumer:
    """A consumer of partitions that are assigned by hand.

    Args:
        options: further arguments of :class:`aiokafka.AIOKafkaConsumer`.
    """
    arguments = {
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "check_crcs": False,
        **options,
    }
    consumer = AIOKafkaConsumer(**arguments, **cluster.client_arguments())
    consumer._client = Client(**cluster.client_arguments())
    return consumer


def check_fetching(consumer: AIOKafkaConsumer) -> None:
    """Check that a consumer still fetches: aiokafka's returns no records for ever when its task
    has ended by an error.

    Raises:
        KafkaUnavailable: it does not; it is to be replaced.
    """
    fetching = consumer._fetcher.error_future
    if fetching.done() and not fetching.cancelled():
        raise KafkaUnavailable(f"Kafka: fetching has ended: {fetching.exception()!r}")


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop it, also while brokers are away: aiokafka then lets a cancellation of its own out, which
    would end its caller's task, and leaves the connections open (aiokafka issue 647)."""
    try:
        await consumer.stop()
    except KafkaError:  # of the fetching that has ended
        await consumer._client.close()
    except asyncio.CancelledError:
        await consumer._client.close()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
