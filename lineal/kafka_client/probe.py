"""Checks whether a cluster answers and authenticates this client."""

from __future__ import annotations

from typing import NamedTuple

from lineal.kafka_client.connection import Connection


class ClusterDescription(NamedTuple):
    """What a cluster consists of."""

    cluster_id: str
    brokers: int
    topics: frozenset[str]
    """Those that the principal may describe."""


async def probe(connection: Connection) -> ClusterDescription:
    """Describe the cluster of an open connection.

    Raises:
        KafkaUnavailable
    """
    cluster_id = await connection.cluster_id()
    await connection.refresh_metadata()
    return ClusterDescription(cluster_id, len(connection.nodes), frozenset(connection.topics()))
