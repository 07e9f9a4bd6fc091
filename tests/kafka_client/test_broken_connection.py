"""A connection that breaks off fails what was asked on it at once, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from lineal.kafka_client.connection import Connection
from lineal.kafka_client.errors import RetriableError
from lineal.kafka_client.requests import METADATA

_SECONDS = 5.0
"""A request has twenty."""


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
