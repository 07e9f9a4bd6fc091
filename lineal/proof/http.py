"""A small HTTP client for logs and witnesses."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from lineal.errors import LinealError

_MAX_BYTES = 20_000_000
"""Of an answer: a bundle of the largest entries has 16.8 MB."""


class Unreachable(LinealError):
    """A log or a witness does not answer, or not as the protocol says."""


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes


def request(url: str, path: str, *, body: bytes | None = None, seconds: float = 10.0) -> Answer:
    """GET a path below a URL, or POST a body to it; for a thread of its own.

    Raises:
        Unreachable: there is no answer.
    """
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or split.hostname is None:
        raise Unreachable(f"{url!r} is no http:// or https:// URL")
    make = HTTPSConnection if split.scheme == "https" else HTTPConnection
    connection = make(split.hostname, split.port, timeout=seconds)
    try:
        target = f"{split.path.rstrip('/')}/{path}"
        connection.request("GET" if body is None else "POST", target, body)
        response = connection.getresponse()
        content = response.read(_MAX_BYTES + 1)
    except (OSError, HTTPException) as error:
        raise Unreachable(f"{url}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if len(content) > _MAX_BYTES:
        raise Unreachable(f"{url}/{path} answers with too much")
    return Answer(response.status, content)
