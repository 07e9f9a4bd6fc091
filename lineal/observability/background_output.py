"""Writes output in a thread, so that a full pipe or a paused terminal does not block a daemon."""

from __future__ import annotations

import os
import threading
from collections import deque

_MAX_BYTES = 1 << 20


class BackgroundOutput:
    """Writes to a file descriptor from a thread of its own; what finds no room is dropped.

    Not through Python's buffered streams: their locks would be held by the waiting thread.

    Args:
        descriptor: an open file; not closed here.
        max_bytes: how much may wait.
    """

    def __init__(self, descriptor: int, max_bytes: int = _MAX_BYTES) -> None:
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_on, name="output", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Bytes that are not written yet."""
        return self._bytes

    def write(self, text: str) -> int:
        """Have a text written: part of what a stream does, so that loggers can use it as one."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._bytes + len(data) > self._max_bytes:
                self._dropped += 1
                return len(text)
            self._waiting.append(data)
            self._bytes += len(data)
            self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Everything is on its way already."""

    def close(self, seconds: float = 1.0) -> None:
        """Wait for the rest to be written, for a bounded time."""
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes, seconds)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._dropped)
                data = b"".join(self._waiting)
                self._waiting.clear()
                dropped, self._dropped = self._dropped, 0
            if dropped:
                data += b'{"event": "output.dropped", "lines": %d}\n' % dropped
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                pass  # nobody is there to tell
            with self._changed:
                self._bytes = sum(map(len, self._waiting))
                self._changed.notify_all()
