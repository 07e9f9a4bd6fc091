"""Serves an application in the running event loop, on loopback by default."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec

import uvicorn
from starlette.types import ASGIApp

from lineal.errors import LinealError
from lineal_producers.http.deadlines import BoundedProtocol, ConnectionLimits, process_limits

_GOODBYE_SECONDS = 5
_BACKLOG = 128
_MAX_MESSAGE_BYTES = 1024 * 1024
"""Of a message over a WebSocket."""


class PortInUse(LinealError, OSError):
    """Another process listens on the port."""


def bind_loopback(port: int) -> socket.socket:
    """A socket on 127.0.0.1; see :func:`bind`."""
    return bind("127.0.0.1", port)


def bind(address: str, port: int) -> socket.socket:
    """A socket on an IPv4 or IPv6 address; port 0 takes any free one.

    Raises:
        PortInUse: the port is in use; says what to do.
        OSError: the port may not be used, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} is taken, perhaps by another `lineal up`: "
                "choose another one with --port N (0 for any free one) or LINEAL_PORT=N, "
                "or stop the other"
            ) from error
        if error.errno == errno.EACCES:
            raise PermissionError(
                f"port {port} may not be used by you: choose one above 1023 with --port N"
            ) from error
        raise
    listening.setblocking(False)
    return listening


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's business: it drains before this server is stopped."""
        yield


class LoopbackServer:
    """An application on a listening socket."""

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        limits: ConnectionLimits | None = None,
    ) -> None:
        protocol = partial(BoundedProtocol, limits=limits or process_limits())
        self.port: int = listening.getsockname()[1]
        self._socket = listening
        self._server = _Server(
            uvicorn.Config(
                app,
                http=protocol,  # type: ignore[arg-type]
                lifespan="off",
                ws="websockets-sansio" if find_spec("websockets") else "none",
                ws_max_size=_MAX_MESSAGE_BYTES,
                ws_max_queue=4,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GOODBYE_SECONDS,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="http")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the HTTP server did not start")
            await asyncio.sleep(0.005)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    @property
    def problems(self) -> list[str]:
        """What keeps it from answering."""
        return ["http has ended"] if self._task is not None and self._task.done() else []

    async def stop(self) -> None:
        """Finish the requests in progress, for some seconds at most."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._socket.close()
