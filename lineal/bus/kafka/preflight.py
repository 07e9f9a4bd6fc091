"""Checks for ``lineal doctor`` whether a cluster answers and can carry the bus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lineal.bus.kafka.cluster import cluster_of, connect
from lineal.bus.kafka.names import Names
from lineal.bus.kafka.translation import raises_bus_errors
from lineal.kafka_client.connection import Connection
from lineal.kafka_client.probe import probe

if TYPE_CHECKING:
    from lineal.settings import KafkaSettings


@raises_bus_errors
async def preflight(bootstrap: Sequence[str], settings: KafkaSettings) -> str:
    """Describe the cluster in a few words.

    Raises:
        BusUnavailable: no broker answers, or none lets us in; the text says what to look at.
    """
    connection = Connection(cluster_of(bootstrap, "lineal-doctor", settings))
    await connect(connection)
    try:
        found = await probe(connection)
    finally:
        await connection.close()
    names = Names(settings.prefix or "")
    topics = sum(names.on_lineal(topic) is not None for topic in found.topics)
    brokers = f"{found.brokers} broker{'s' * (found.brokers != 1)}"
    return f"Kafka cluster {found.cluster_id}, {brokers}, {topics} topics"
