"""The server: on loopback, on the port it is given."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from lineal_producers.http.serving import LoopbackServer, PortInUse, bind_loopback


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def test_it_answers_until_it_is_stopped() -> None:
    server = LoopbackServer(Starlette(routes=[Route("/", _hello)]), bind_loopback(0))
    await server.start()
    assert server.problems == []
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{server.port}/")).text == "hello"
    await server.stop()
    bind_loopback(server.port).close()


def test_a_taken_port_says_what_to_do() -> None:
    with bind_loopback(0) as first, pytest.raises(PortInUse, match=r"--port N .* LINEAL_PORT"):
        bind_loopback(first.getsockname()[1])
