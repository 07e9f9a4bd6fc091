"""aiokafka's client, mended where one broken connection would take others along (aiokafka 0.14).

- A request that times out closes the connection it was sent on. aiokafka closes the one that stands
  in its place by then, with all requests on it, or raises KeyError where there is none: its
  consumer's fetching ends with that, without a word.
- A connection on which metadata was asked in vain is closed, or it would be asked again each time.
- The task that refreshes metadata goes on after any error: all who wait for it would wait for ever.
- When no known broker answers, those that were given at first are asked anew (KIP-899). A broker
  that has just started may name no brokers at all, and aiokafka then knows of none for ever.
"""

from __future__ import annotations

from typing import Any

import structlog
from aiokafka import AIOKafkaClient
from aiokafka.client import ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaError, NodeNotReadyError, RequestTimedOutError

log = structlog.get_logger(__name__)


class Client(AIOKafkaClient):  # type: ignore[misc]
    """Used by :class:`~lineal.kafka_client.connection.Connection`, and by aiokafka's consumer in
    the place of its own."""

    async def send(
        self, node_id: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT
    ) -> Any:
        """The response to a request.

        Raises:
            KafkaError: there is none.
        """
        if not await self.ready(node_id, group=group):
            raise NodeNotReadyError(f"there is no connection to broker {node_id}")
        connection = self._conns[node_id, group]
        try:
            return await connection.send(request)
        except TimeoutError as error:
            connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
            raise RequestTimedOutError from error

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:
        if await self._ask_known_brokers(cluster_metadata, topics):
            return True
        try:
            await self.bootstrap()
        except (KafkaError, OSError):
            return False  # aiokafka has said which it asked
        return await self._ask_known_brokers(cluster_metadata, topics)

    async def _ask_known_brokers(self, cluster_metadata: Any, topics: Any) -> bool:
        try:
            updated: bool = await super()._metadata_update(cluster_metadata, topics)
        except Exception as error:
            log.warning("kafka.metadata_failed", error=repr(error))
            updated = False
        if not updated:
            for (_, group), connection in list(self._conns.items()):
                if group is ConnectionGroup.DEFAULT:
                    connection.close(reason=CloseReason.OUT_OF_SYNC)
        return updated
