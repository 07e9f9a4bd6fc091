"""Wakes the other processes of this machine that wait for events.

Every process that waits owns a named pipe in the data directory. A pipe with a reader also proves
that its process is alive: the kernel closes it with the process, however that ended. (Named pipes
rather than Unix sockets because a socket's path may not exceed 108 bytes.)
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import Iterable
from pathlib import Path
from select import PIPE_BUF
from uuid import uuid4

_READ_BYTES = 65536
_EVERYTHING = "*"
"""Stands for all topics."""
_REFRESH_SECONDS = 1.0


def process_alive(directory: Path, member: str) -> bool:
    """Whether the process that owns this member's pipe still runs."""
    try:
        descriptor = os.open(directory / member, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        return error.errno not in (errno.ENXIO, errno.ENOENT)
    os.close(descriptor)
    return True


class Wakeups:
    """This process's pipe, its local waiters, and the pipes of the others."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.member = f"{os.getpid()}-{uuid4().hex[:12]}"
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._reader: int | None = None
        self._others: dict[str, int] = {}
        self._refreshed = 0.0

    def open(self) -> None:
        """Make the pipe and listen on it in the running loop."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / self.member
        os.mkfifo(path, 0o600)
        # Opened for both directions, so that it never reports the end of the file.
        self._reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._reader, self._drain)

    def close(self) -> None:
        if self._reader is not None:
            asyncio.get_running_loop().remove_reader(self._reader)
            os.close(self._reader)
            self._reader = None
            (self.directory / self.member).unlink(missing_ok=True)
        for descriptor in self._others.values():
            os.close(descriptor)
        self._others.clear()

    def waiter(self, topics: Iterable[str]) -> asyncio.Event:
        """An event that is set whenever something is published to one of the topics."""
        event = asyncio.Event()
        for topic in topics:
            self._waiters.setdefault(topic, set()).add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        for waiters in self._waiters.values():
            waiters.discard(event)

    def wake_local(self, topics: Iterable[str]) -> None:
        """Set this process's waiters; to be called in its loop."""
        for topic in topics:
            for event in self._waiters.get(topic, ()):
                event.set()

    def wake_other_processes(self, topics: Iterable[str]) -> None:
        """Tell all other processes; called from the writer thread after a commit."""
        now = time.monotonic()
        if now - self._refreshed > _REFRESH_SECONDS:
            self._refreshed = now
            self._find_others()
        message = "".join(f"{topic}\n" for topic in topics).encode()
        if len(message) > PIPE_BUF:  # a longer one might be cut
            message = f"{_EVERYTHING}\n".encode()
        for member, descriptor in list(self._others.items()):
            try:
                os.write(descriptor, message)
            except BlockingIOError:
                pass  # its pipe is full of wake-ups it has yet to read
            except OSError:
                os.close(descriptor)
                del self._others[member]

    def _find_others(self) -> None:
        for entry in os.scandir(self.directory):
            if entry.name == self.member or entry.name in self._others:
                continue
            try:
                self._others[entry.name] = os.open(entry.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno == errno.ENXIO and _older_than_a_minute(entry):
                    with contextlib.suppress(OSError):
                        Path(entry.path).unlink()

    def _drain(self) -> None:
        assert self._reader is not None
        try:
            chunk = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return
        topics = set(chunk.decode(errors="replace").split("\n"))
        # Where there was no room for one more message, some may not have been sent.
        if len(chunk) > _READ_BYTES - PIPE_BUF or _EVERYTHING in topics:
            topics = set(self._waiters)
        self.wake_local(topics)


def _older_than_a_minute(entry: os.DirEntry[str]) -> bool:
    """A process makes its pipe a moment before it opens it: a young one is not yet a dead one."""
    try:
        return time.time() - entry.stat().st_mtime > 60
    except OSError:
        return False
