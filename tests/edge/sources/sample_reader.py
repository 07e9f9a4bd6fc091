"""Takes the samples of a source in a thread, as the agent does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from lineal_edge.sources.source import Sample


class Taker:
    """Takes from a source until it is closed, and says that it has each sample on the disk."""

    def __init__(self, source: Any, after: str | None = None, *, committing: bool = True) -> None:
        self.source = source
        self.taken: list[Sample] = []
        self._committing = committing
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, args=(after,), daemon=True)
        self._thread.start()

    def _run(self, after: str | None) -> None:
        for sample in self.source.samples(after):
            with self._changed:
                self.taken.append(sample)
                self._changed.notify_all()
            if self._committing:
                self.source.committed(sample.position)

    def wait(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.taken) >= count, 180), self.taken

    def until(self, condition: Callable[[], bool]) -> None:
        until_true(condition)

    def cut(self) -> None:
        """The connection is lost, as when the process is killed."""
        self.source.close()
        self._thread.join(30)

    def close(self) -> list[Sample]:
        self.source.close()
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.taken


def until_true(condition: Callable[[], bool]) -> None:
    """Wait for something; fails the test when it never happens."""
    end = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
