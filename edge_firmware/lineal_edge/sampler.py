"""Reads the source and fills the queues, without ever waiting for their readers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from lineal_edge.bounded_queue import BoundedQueue
from lineal_edge.clock import Clock
from lineal_edge.reading import Reading
from lineal_edge.sources.source import Source

log = logging.getLogger(__name__)


class Sampler:
    """A thread that numbers readings, stamps them with both clocks and offers them around."""

    def __init__(self, source: Source, queues: Sequence[BoundedQueue], clock: Clock) -> None:
        self.sampled = 0
        """Readings so far, which is the number of the newest."""
        self.failure: BaseException | None = None
        """What ended it, if it did not end by itself."""
        self._source = source
        self._queues = tuple(queues)
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        self._source.close()
        self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            for values in self._source.readings():
                seq = self.sampled + 1
                reading = Reading(seq, self._clock.monotonic_us(), self._clock.wall_us(), values)
                for queue in self._queues:
                    queue.offer(reading)
                self.sampled = seq
            log.info("the source has ended after %d readings", self.sampled)
        except Exception as error:
            log.exception("the source has failed")
            self.failure = error
