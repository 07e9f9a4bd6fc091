"""One HTTP request of a crawl, to an address that was checked before.

The standard library's client rather than a larger one: the connection has to go to the very address
that was checked (a name may resolve to another one a moment later), through no proxy, and no
redirect may be followed unseen.
"""

from __future__ import annotations

import gzip
import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from lineal.errors import LinealError

_PIECE = 65_536


class RequestFailed(LinealError, OSError):
    """A server cannot be reached, or breaks off."""


class AddressRejected(RequestFailed):
    """A host is of a private network."""


class Answer(NamedTuple):
    """What a server answered; redirects are not followed."""

    status: int
    headers: Mapping[str, str]
    """By lower case names."""
    body: bytes
    whole: bool
    """False: it is longer than was allowed."""

    @property
    def location(self) -> str | None:
        """Where it redirects to."""
        return self.headers.get("location") if self.status in (301, 302, 303, 307, 308) else None

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def checked_addresses(host: str, port: int, private: bool) -> list[str]:
    """The addresses of a host.

    Raises:
        AddressRejected: one is not public, and may not be asked.
        RequestFailed: the name has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RequestFailed(f"{host} cannot be resolved: {error}") from error
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    if not private:
        for address in addresses:
            if not _is_public(address):
                raise AddressRejected(
                    f"{host} has the address {address}, which is not public: "
                    "private_addresses = true (--private) allows it"
                )
    return addresses


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        # an IPv4 address in another form is as private as it is itself
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and parsed in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return parsed.is_global and not parsed.is_multicast


def request(
    url: str, headers: Mapping[str, str], *, max_bytes: int, seconds: float, private: bool
) -> Answer:
    """GET a URL; blocks.

    Args:
        max_bytes: of the body, also after it was decompressed.
        seconds: for all of it, also of a server that sends byte by byte.
        private: whether it may have an address that is not public.

    Raises:
        RequestFailed: there is no answer.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    deadline = time.monotonic() + seconds
    addresses = checked_addresses(host, port, private)
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    with closing(connection), ExitStack() as opened:
        try:
            sock = opened.enter_context(_connected(addresses, port, seconds))
            if secure:
                context = ssl.create_default_context()
                sock = opened.enter_context(context.wrap_socket(sock, server_hostname=host))
            connection.sock = sock
            opened.enter_context(_cut_at(deadline, sock))
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            sent = {"Host": parts.netloc, "Accept-Encoding": "gzip", "Connection": "close"}
            connection.request("GET", target, headers={**sent, **headers})
            response = connection.getresponse()
            body, whole = _body(response, max_bytes, deadline)
            got = {name.lower(): value for name, value in response.getheaders()}
            if got.get("content-encoding", "").lower() == "gzip" and whole:
                body, whole = unpacked(body, max_bytes)
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            raise RequestFailed(f"{url}: {error or type(error).__name__}") from error
    return Answer(response.status, got, body, whole)


def _connected(addresses: list[str], port: int, seconds: float) -> socket.socket:
    for number, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), timeout=seconds)
        except OSError:
            if number == len(addresses) - 1:
                raise
    raise RequestFailed("it has no address")


@contextmanager
def _cut_at(deadline: float, sock: socket.socket) -> Iterator[None]:
    """Ends a connection at a time: a timeout of its own would begin anew with every byte."""

    def cut() -> None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _body(
    response: http.client.HTTPResponse, max_bytes: int, deadline: float
) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    length = 0
    while length <= max_bytes:
        piece = response.read1(_PIECE)
        if not piece:
            if time.monotonic() >= deadline:
                raise RequestFailed("the answer takes too long")
            if response.length:
                raise RequestFailed("the answer breaks off")
            return b"".join(pieces), True
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)[:max_bytes], False


def unpacked(data: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Gzip data, no more than so many bytes of it, and whether that is all.

    Raises:
        RequestFailed: they are none.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            body = file.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise RequestFailed(f"what was sent compressed is broken: {error}") from error
    return body[:max_bytes], len(body) <= max_bytes
