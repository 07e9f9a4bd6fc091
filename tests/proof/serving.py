"""Applications on real sockets, for clients in the same process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from starlette.routing import Route

from lineal.proof.serving import public_application
from lineal_producers.http.serving import LoopbackServer, bind_loopback


@contextlib.asynccontextmanager
async def served(routes: Sequence[Route]) -> AsyncIterator[str]:
    """The URL of a server with these routes."""
    server = LoopbackServer(public_application(routes, "127.0.0.1"), bind_loopback(0))
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()
