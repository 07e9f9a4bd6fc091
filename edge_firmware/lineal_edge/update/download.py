"""Downloads a model file: resumes after an interruption, gives up after a number of attempts."""

from __future__ import annotations

import hashlib
import http.client
import logging
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from lineal_edge.backoff import Backoff
from lineal_edge.settings import ClientTls
from lineal_edge.update.disk import Disk
from lineal_edge.update.verification import PackageRejected
from lineal_schemas.errors import LinealError

log = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 1024
_SYNC_BYTES = 1 << 20
_SOCKET_SECONDS = 30.0
RESERVE_BYTES = 16 << 20
"""Of the disk, left free: readings come first."""

_MAX_TRIES = 40
_MAX_WITHOUT_PROGRESS = 6
_MAX_WRONG = 2
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Interrupted(LinealError):
    """The download was not to go on: the agent stops, or the job is over."""


class ServerRejected(LinealError):
    """An HTTP status that is not the file."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status


class Answer(NamedTuple):
    """A server's answer to a request for a file from an offset on."""

    start: int
    """Offset of the first byte that comes: 0 from a server that does not know Range."""
    chunks: Iterator[bytes]


class Fetch(Protocol):
    """Asks for a file from an offset on, as a context manager.

    Raises:
        ServerRejected, OSError, http.client.HTTPException
    """

    def __call__(self, url: str, offset: int) -> Any: ...


class Download:
    """One file's way onto the disk.

    Args:
        part: where it is kept until it is complete.
        going_on: asked between chunks.
        pause: waits so many seconds, or less.
    """

    def __init__(
        self,
        disk: Disk,
        fetch: Fetch,
        part: Path,
        *,
        going_on: Callable[[], bool],
        pause: Callable[[float], None],
        backoff: Backoff | None = None,
    ) -> None:
        self._disk = disk
        self._fetch = fetch
        self._part = part
        self._going_on = going_on
        self._pause = pause
        self._backoff = backoff or Backoff(1.0, 60.0)

    def run(self, url: str, size: int, sha256: str) -> None:
        """Download until the part is the complete file, synced.

        Raises:
            PackageRejected: ``bad_url``, ``no_space``, ``http_404`` and the like (at once for what
                will not change), ``digest_mismatch``, ``download_failed``.
            Interrupted: ``going_on`` said no.
        """
        if urlsplit(url).scheme not in ("http", "https"):
            raise PackageRejected("bad_url", "a model comes over http or https")
        idle = wrong = 0
        last: Exception | None = None
        for _ in range(_MAX_TRIES):
            have = self._disk.size(self._part)
            if have >= size:
                if have == size and self._digest() == sha256:
                    self._disk.sync(self._part)
                    self._disk.sync_folder(self._part.parent)
                    return
                wrong += 1
                self._disk.remove(self._part)
                if wrong >= _MAX_WRONG:
                    raise PackageRejected(
                        "digest_mismatch", "what the server sends is not the model"
                    )
                have = 0
            if self._disk.free_bytes(self._part.parent) < size - have + RESERVE_BYTES:
                raise PackageRejected("no_space", f"{size - have} bytes do not fit the disk")
            if idle >= _MAX_WITHOUT_PROGRESS:
                break
            try:
                self._take(url, have, size)
            except ServerRejected as error:
                last = error
                if error.status == 416:
                    self._disk.remove(self._part)
                elif error.status not in _TRANSIENT:
                    raise PackageRejected(f"http_{error.status}", str(error)) from error
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and _own_fault(error):
                    raise PackageRejected("no_space", f"cannot be written: {error}") from error
                last = error
            now = self._disk.size(self._part)
            if now > have:
                idle = 0
                self._backoff.reset()
            else:
                idle += 1
            if now < size:
                log.info("download at %d of %d bytes: %s", now, size, last)
                self._check()
                self._pause(self._backoff.next())
                self._check()
        raise PackageRejected("download_failed", f"given up: {last}")

    def _take(self, url: str, have: int, size: int) -> None:
        with self._fetch(url, have) as answer:
            position = answer.start
            if position > have:
                raise http.client.HTTPException("the server sends another range")
            if position == 0:
                self._disk.write(self._part, b"")
            unsynced = 0
            for chunk in answer.chunks:
                self._check()
                # What is too long is noticed by its size; but a server cannot fill the disk.
                piece = chunk[: size + 1 - position]
                self._disk.write(self._part, piece, position)
                position += len(piece)
                unsynced += len(piece)
                if unsynced >= _SYNC_BYTES:
                    self._disk.sync(self._part)
                    unsynced = 0
                if position > size:
                    return

    def _check(self) -> None:
        if not self._going_on():
            raise Interrupted

    def _digest(self) -> str:
        return hashlib.sha256(self._disk.read(self._part) or b"").hexdigest()


def _own_fault(error: OSError) -> bool:
    return error.errno is not None and error.errno in (28, 30, 122)  # ENOSPC, EROFS, EDQUOT


def http_fetch(tls: ClientTls | None) -> Fetch:
    """Fetch over HTTP, with the device's certificate where the server speaks TLS: the one of the
    time, since it may be renewed."""

    @contextmanager
    def fetch(url: str, offset: int) -> Iterator[Answer]:
        context = None
        if tls is not None:
            context = ssl.create_default_context(cafile=str(tls.ca))
            context.load_cert_chain(str(tls.certificate), str(tls.key))
        headers = {"Accept-Encoding": "identity", "User-Agent": "lineal-edge"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 -- the caller looked
        try:
            response = urllib.request.urlopen(  # noqa: S310
                request, timeout=_SOCKET_SECONDS, context=context
            )
        except urllib.error.HTTPError as error:
            with error:
                raise ServerRejected(error.code) from error
        except urllib.error.URLError as error:
            reason = error.reason
            raise reason if isinstance(reason, OSError) else OSError(str(reason)) from error
        with response:
            start = 0
            if response.status == 206:
                found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
                if found is None:
                    raise http.client.HTTPException("a part of the file, but it is not said which")
                start = int(found[1])
            elif response.status != 200:
                raise ServerRejected(response.status)
            yield Answer(start, _chunks(response))

    return fetch


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(CHUNK_BYTES)
        except TimeoutError as error:
            raise OSError("the server fell silent") from error
        if not chunk:
            return
        yield chunk
