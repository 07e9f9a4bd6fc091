"""A connection that breaks off fails what was asked on it at once, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection

from lineal.kafka_client.connection import Cluster, Connection
from lineal.kafka_client.errors import RetriableError
from lineal.kafka_client.requests import METADATA
from lineal_local.kafka import Kafka

_SECONDS = 60.0
"""Far fewer than a request has (conftest)."""


def abort(connection: Connection) -> None:
    """Break off the only TCP connection there is, holding on to nothing of it."""
    (transport,) = (item._writer.transport for item in connection._client._conns.values())
    transport.abort()


@pytest.mark.parametrize("turns", range(6))
async def test_what_was_asked_on_it_fails_whenever_the_next_request_comes(
    connection: Connection, turns: int
) -> None:
    """The next request, which finds the connection broken, comes so many turns of the loop after
    it broke."""
    (node,) = connection.nodes
    await connection.send(node, METADATA([], False))
    asked = asyncio.create_task(connection.send(node, METADATA([], False)))
    await asyncio.sleep(0)
    abort(connection)
    for _ in range(turns):
        await asyncio.sleep(0)
    following = asyncio.create_task(connection.send(node, METADATA([], False)))
    done, _ = await asyncio.wait((asked, following), timeout=_SECONDS)
    assert done == {asked, following}
    with pytest.raises(RetriableError):
        await asked
    await connection.send(node, METADATA([], False))


async def test_a_broker_that_does_not_answer_for_a_while(kafka: Kafka) -> None:
    """Each request fails by its time limit, and none by one that was sent before it."""
    connection = Connection(Cluster((kafka.bootstrap,), "test", {}, request_seconds=2.0))
    await connection.open()
    (node,) = connection.nodes
    await connection.send(node, METADATA([], False))
    failed: list[BaseException] = []

    async def ask() -> None:
        for _ in range(2):
            try:
                await connection.send(node, METADATA([], False))
            except RetriableError as error:
                failed.append(error)

    kafka.pause()  # connections stay, nothing goes through
    try:
        await asyncio.gather(*(ask() for _ in range(6)))
    finally:
        kafka.resume()
    assert len(failed) == 12
    await connection.retry(lambda: connection.send(node, METADATA([], False)), _SECONDS)
    await connection.retry(connection.refresh_metadata, _SECONDS)
    await connection.close()


async def test_a_broker_that_names_no_brokers_at_first(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that has just started answers, and does not know of itself."""
    answer = AIOKafkaConnection.send
    unaware = True

    async def answered(self: AIOKafkaConnection, *request: Any, **how: Any) -> Any:
        found = await answer(self, *request, **how)
        if unaware and hasattr(found, "brokers"):
            found.brokers.clear()
        return found

    monkeypatch.setattr(AIOKafkaConnection, "send", answered)
    connection = Connection(Cluster((kafka.bootstrap,), "test", {}))
    await connection.open()
    for _ in range(2):
        with pytest.raises(RetriableError):
            await connection.refresh_metadata()
    unaware = False
    await connection.refresh_metadata()
    assert connection.nodes
    await connection.close()


async def test_a_broker_that_comes_back_at_another_port(kafka: Kafka) -> None:
    """Those that were given at first are asked anew when none answers that is known since."""
    connection = Connection(Cluster((kafka.bootstrap,), "test", {}))
    await connection.open()
    (node,) = connection.nodes
    broker = connection._client.cluster._brokers[node]
    connection._client.cluster._brokers[node] = broker._replace(port=1)  # nobody listens there
    await connection.refresh_metadata()
    await connection.send(node, METADATA([], False))
    await connection.close()
