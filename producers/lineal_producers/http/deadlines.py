"""Connections that take too long are closed, and there are never too many.

Uvicorn has a deadline for idle connections only: a client that sends its header, its body, or reads
its answer a byte at a time keeps a connection, and with it a descriptor, for as long as it likes
("slowloris").
"""

from __future__ import annotations

import asyncio
import resource
import select
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

log = structlog.get_logger(__name__)


class ConnectionLimits(NamedTuple):
    """What a connection may take.

    Attributes:
        header_seconds: from its beginning, or the first byte of a later request, until the header
            of the request is there.
        body_seconds: so often a request whose body is still coming is looked at.
        body_bytes: it must have brought so many since.
        answer_seconds: how long a client may read nothing of an answer.
        connections: open at once; one more takes the place of the oldest that has no request.
        crowd: open at once for moments, while none of these is old enough; one more is closed.
        grace_seconds: how old a connection without a request is before it makes room.
    """

    header_seconds: float = 10.0
    body_seconds: float = 20.0
    body_bytes: int = 20 * 1024
    answer_seconds: float = 60.0
    connections: int = 512
    crowd: int = 2048
    grace_seconds: float = 1.0


_LOOKED_AT = 64
"""Connections, the oldest first, of which is asked whether something has come."""
_CLOSED_AT_ONCE = 4


def process_limits() -> ConnectionLimits:
    """The limits of this process: half of its descriptors are left to everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = ConnectionLimits()
    if soft == resource.RLIM_INFINITY:
        return limits
    crowd = max(16, min(limits.crowd, soft // 2))
    return limits._replace(connections=min(limits.connections, crowd // 2), crowd=crowd)


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with deadlines."""

    def __init__(self, *, limits: ConnectionLimits, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._watched: str | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._body_bytes = 0
        self._opened = 0.0
        self._upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self._limits.connections:
            self._make_room()
        super().connection_made(transport)
        self._opened = self.loop.time()
        if len(self.connections) > self._limits.crowd:
            self._close("too many connections")
            return
        self._watch("header")

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._upgraded:
            return
        self._body_bytes += len(data)
        if self._between_requests:
            self._watch("header" if self._has_partial_header else None)
        else:
            self._watch("body" if self.cycle.more_body else None)

    def handle_websocket_upgrade(self, event: Any) -> None:
        """The connection becomes a WebSocket, which looks after itself by pings."""
        self._upgraded = True
        self._watch(None)
        super().handle_websocket_upgrade(event)

    def shutdown(self) -> None:
        """The service stops: answers are finished, but not those that never end by themselves."""
        streams = (b"accept", b"text/event-stream")
        if not self._between_requests and streams in self.headers:
            self.transport.close()
        super().shutdown()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._watched == "body":
            self._watch(None)

    def pause_writing(self) -> None:
        """The client does not read."""
        self.flow.pause_writing()
        self._answer_timer = self.loop.call_later(
            self._limits.answer_seconds, self._close, "the answer is not read"
        )

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
        if self.flow is not None:
            self.flow.resume_writing()

    @property
    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    @property
    def _has_partial_header(self) -> bool:
        return bool(self.conn.trailing_data[0]) or self.cycle is None

    def _watch(self, what: str | None) -> None:
        """Begin to wait for a header or a body; what is waited for already is not put off."""
        if what is not None and what == self._watched:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watched = what
        if what == "header":
            self._timer = self.loop.call_later(
                self._limits.header_seconds, self._close, "the header takes too long"
            )
        elif what == "body":
            self._body_bytes = 0
            self._timer = self.loop.call_later(self._limits.body_seconds, self._check_body)

    def _check_body(self) -> None:
        if self._between_requests or not self.cycle.more_body:
            self._watch(None)
            return
        # A service that does not keep up with a fast client is no fault of the client's.
        if self._body_bytes < self._limits.body_bytes and not self.flow.read_paused:
            self._close("the body takes too long")
            return
        self._watched = None
        self._watch("body")

    def _make_room(self) -> None:
        """Close idle connections, the oldest first, until there is room for one more. Those that
        were just opened have a moment to send their request, as long as there are not far too
        many."""
        limits, now = self._limits, self.loop.time()
        waiting = [
            other
            for other in self.connections
            if isinstance(other, BoundedProtocol) and other._watched == "header"
        ]
        waiting.sort(key=lambda other: other._opened)
        if len(self.connections) < limits.crowd:
            waiting = [other for other in waiting if now - other._opened > limits.grace_seconds]
        # Many may come in one turn of the loop: who has sent something meanwhile is not idle.
        sent = _with_data(waiting[:_LOOKED_AT])
        idle = [other for other in waiting[:_LOOKED_AT] if other not in sent] or waiting
        excess = len(self.connections) - limits.connections + 1
        for other in idle[: max(1, min(excess, _CLOSED_AT_ONCE))]:
            other._close("others need the room")

    def _close(self, reason: str) -> None:
        log.info("http.connection_closed", reason=reason, address=(self.client or ("",))[0])
        self._watch(None)
        self.connections.discard(self)
        self.transport.abort()


def _with_data(connections: Sequence[BoundedProtocol]) -> set[BoundedProtocol]:
    """Those whose clients have sent something that was not read yet."""
    poll = select.poll()
    by_descriptor: dict[int, BoundedProtocol] = {}
    for each in connections:
        opened = each.transport.get_extra_info("socket")
        if opened is not None and opened.fileno() >= 0:
            by_descriptor[opened.fileno()] = each
            poll.register(opened.fileno(), select.POLLIN)
    return {by_descriptor[number] for number, _ in poll.poll(0)}
