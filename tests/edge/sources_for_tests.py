"""Sources whose readings a test knows in advance."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from lineal_edge.sources.pace import Pace
from lineal_edge.sources.source import SourceCounts


class Counting:
    """Reading ``n`` (from 1) has the value ``n``; ends after ``count``, or never."""

    features = ("n",)

    def __init__(self, count: int | None = None, *, rate: float | None = None) -> None:
        self.counts = SourceCounts()
        self._count = count
        self._closed = threading.Event()
        self._pace = Pace(rate, self._closed)

    def readings(self) -> Iterator[tuple[float, ...]]:
        number = 0
        while number != self._count and self._pace.wait():
            number += 1
            yield (float(number),)

    def close(self) -> None:
        self._closed.set()
