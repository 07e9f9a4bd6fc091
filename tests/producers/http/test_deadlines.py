"""Slow clients lose their connection, and many of them keep nobody else out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from lineal_producers.http.deadlines import ConnectionLimits
from lineal_producers.http.serving import LoopbackServer, bind_loopback

QUICK = ConnectionLimits(header_seconds=0.2, body_seconds=0.2, answer_seconds=0.2)
PATIENT = ConnectionLimits(connections=8, crowd=12, grace_seconds=0.2)
HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\n"


async def _size(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def _endless(request: Request) -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536
            await asyncio.sleep(0)

    return StreamingResponse(chunks())


async def _events(request: Request) -> StreamingResponse:
    async def events() -> AsyncIterator[bytes]:
        yield b"event: one\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(events(), media_type="text/event-stream")


@asynccontextmanager
async def serving(limits: ConnectionLimits) -> AsyncIterator[LoopbackServer]:
    routes = [Route("/", _size, methods=["POST"]), Route("/endless", _endless)]
    routes.append(Route("/events", _events))
    server = LoopbackServer(Starlette(routes=routes), bind_loopback(0), limits)
    await server.start()
    yield server
    await server.stop()


async def closed(reader: asyncio.StreamReader) -> bool:
    """Waits until the server has closed a connection without an answer."""
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        HEAD,
        HEAD + b"content-length: 10\r\n\r\n",
        HEAD + b"content-length: 100000\r\n\r\n" + b"x" * 100,
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nxxxxx\r\n",
    ],
)
async def test_what_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async with serving(QUICK) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        async with asyncio.timeout(180):
            assert await closed(reader)
        writer.close()


async def test_the_second_request_of_a_connection_has_its_deadline_too() -> None:
    async with serving(QUICK) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"content-length: 1\r\n\r\nx")
        async with asyncio.timeout(180):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"1"
            writer.write(HEAD)
            assert await closed(reader)
        writer.close()


async def test_an_answer_that_is_not_read_ends() -> None:
    async with serving(QUICK) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with asyncio.timeout(180):
            while not server.connections:
                await asyncio.sleep(0.01)
            while server.connections:
                await asyncio.sleep(0.01)
        writer.close()


async def test_a_body_that_keeps_coming_is_waited_for() -> None:
    limits = QUICK._replace(body_bytes=1)
    async with serving(limits) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"content-length: 20\r\n\r\n")
        for _ in range(20):
            writer.write(b"x")
            await asyncio.sleep(0.02)
        async with asyncio.timeout(180):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_many_idle_connections_keep_nobody_out() -> None:
    async with serving(PATIENT) as server:
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(100)]
        for _, writer in idle:
            writer.write(HEAD)
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(f"http://127.0.0.1:{server.port}/", content=b"abc")
        assert answer.text == "3"
        assert server.connections <= PATIENT.crowd
        for _, writer in idle:
            writer.close()


async def test_a_stream_of_events_does_not_hold_up_a_stop() -> None:
    asked = b"GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n"
    async with serving(PATIENT) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(asked)
        await reader.readuntil(b"event: one\n\n")
        stopping = asyncio.create_task(server.stop())
        # An answer in progress is finished for five seconds at most; this one is ended at once.
        async with asyncio.timeout(4):
            await stopping
        writer.close()
