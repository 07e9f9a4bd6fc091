"""Reads blocks of raw samples from a file that grows, a named pipe, or a device."""

from __future__ import annotations

import json
import logging
import os
import select
import stat
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lineal_edge.sources.blocks import Block, bytes_of, from_bytes

if TYPE_CHECKING:
    from lineal_edge.sources.vibration import VibrationSource

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2


class RawSamples:
    """Interleaved samples without a header.

    A regular file is followed as it grows and gone on with behind the last block; a pipe or a
    device (such as ``/dev/iio:device0``) gives what comes.
    """

    def __init__(self, settings: VibrationSource) -> None:
        self._path = settings.path
        self._sample = settings.sample
        self._axes = len(settings.axes)
        self._width = bytes_of(settings.sample) * self._axes
        self._rate = settings.rate_hz
        self._poll = settings.poll
        self._closed = threading.Event()

    @property
    def name(self) -> str:
        return f"raw:{self._path.absolute()}"

    def committed(self, position: str) -> None:
        pass  # a file keeps what was taken from it, and a pipe has no past

    def close(self) -> None:
        self._closed.set()

    def blocks(self, size: int, after: str | None) -> Iterator[Block]:
        inode, offset = json.loads(after) if after else (0, 0)
        complained = False
        while not self._closed.is_set():
            try:
                # without waiting for somebody to write into a pipe
                descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            except OSError as error:
                if not complained:
                    log.warning("%s: %s; it is waited for", self._path, error.strerror)
                complained = True
                self._closed.wait(self._poll)
                continue
            complained = False
            try:
                about = os.fstat(descriptor)
                if stat.S_ISREG(about.st_mode):
                    begin = offset if about.st_ino == inode and about.st_size >= offset else 0
                    yield from self._file(descriptor, size, begin)
                else:
                    yield from self._stream(descriptor, size)
            finally:
                os.close(descriptor)
            offset = 0

    def _file(self, descriptor: int, size: int, offset: int) -> Iterator[Block]:
        """Blocks until the file is cut, or another has its name."""
        inode = os.fstat(descriptor).st_ino
        while not self._closed.is_set():
            data = os.pread(descriptor, size * self._width, offset)
            if len(data) == size * self._width:
                offset += len(data)
                about = os.fstat(descriptor)
                # written last when its last sample was measured
                behind = round((about.st_size - offset) / self._width / self._rate * 1e6)
                yield Block(
                    from_bytes(data, self._sample, self._axes),
                    about.st_mtime_ns // 1000 - behind,
                    json.dumps([inode, offset]),
                )
                continue
            self._closed.wait(self._poll)
            try:
                about = self._path.stat()
            except FileNotFoundError:
                continue
            if about.st_ino != inode or about.st_size < offset:
                log.warning("%s is another file, or was cut: it is read from its begin", self._path)
                return

    def _stream(self, descriptor: int, size: int) -> Iterator[Block]:
        """Blocks until whoever writes closes the pipe."""
        waiting = bytearray()
        begun = False
        while not self._closed.is_set():
            if not select.select([descriptor], [], [], _LOOK_SECONDS)[0]:
                continue
            data = os.read(descriptor, size * self._width - len(waiting))
            if not data:
                if begun:
                    log.warning("nobody writes to %s any more: it is opened anew", self._path)
                    return
                self._closed.wait(_LOOK_SECONDS)  # nobody has opened the pipe's other end yet
                continue
            begun = True
            waiting += data
            if len(waiting) == size * self._width:
                yield Block(from_bytes(bytes(waiting), self._sample, self._axes), None, "")
                waiting.clear()


def open_reader(settings: VibrationSource) -> RawSamples:
    """The reader that ``reader = "raw"`` names."""
    return RawSamples(settings)
