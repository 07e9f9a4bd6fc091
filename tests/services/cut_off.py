"""A way to a real server on which connections break off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


@contextlib.asynccontextmanager
async def cut_off_after(url: str, max_bytes: int) -> AsyncIterator[str]:
    """The URL of a way to a server on which a connection breaks off after so many bytes of
    answers."""
    upstream = urlsplit(url)

    async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter, most: int) -> None:
        while most > 0 and (data := await source.read(min(most, 1 << 16))):
            sink.write(data)
            await sink.drain()
            most -= len(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(upstream.hostname, upstream.port)
        asking = asyncio.create_task(forward(reader, there[1], 1 << 40))
        with contextlib.suppress(OSError):
            await forward(there[0], writer, max_bytes)
        asking.cancel()
        for stream in (writer, there[1]):
            stream.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
