"""aiokafka's consumer, as this package uses it: without a group, read_committed."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer

from lineal.kafka_client.connection import Cluster


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
    return AIOKafkaConsumer(**arguments, **cluster.client_arguments())


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop it, also while brokers are away: aiokafka then lets a cancellation of its own out, which
    would end its caller's task, and leaves the connections open (aiokafka issue 647)."""
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        await consumer._client.close()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
