"""Whether a cluster will do, asked by ``lineal doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lineal.bus.kafka.connection import Connection, cluster_at
from lineal.bus.kafka.names import Names

if TYPE_CHECKING:
    from lineal.settings import KafkaSettings


async def examine(bootstrap: Sequence[str], settings: KafkaSettings) -> str:
    """What there is, in a few words.

    Raises:
        BusUnavailable: no broker answers, or none lets us in; the text says what to look at.
    """
    connection = Connection(cluster_at(tuple(bootstrap), "lineal-doctor", settings))
    await connection.open()
    try:
        names = Names(settings.prefix or "")
        identifier = await connection.cluster_id()
        await connection.refresh()
        ours = sum(names.on_lineal(topic) is not None for topic in connection.topics())
        brokers = len(connection.nodes)
    finally:
        await connection.close()
    return f"Kafka cluster {identifier}, {brokers} broker{'s' * (brokers != 1)}, {ours} topics"
