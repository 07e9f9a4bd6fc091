"""Reads the source and fills the queues; only a source that can go on later ever waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from lineal_edge.bounded_queue import BoundedQueue
from lineal_edge.clock import Clock
from lineal_edge.reading import Reading
from lineal_edge.sources.source import PositionedSource, Sample, Source

log = logging.getLogger(__name__)


class Sampler:
    """A thread that numbers readings, stamps them with both clocks and offers them around."""

    def __init__(
        self,
        source: Source | PositionedSource,
        queues: Sequence[BoundedQueue],
        clock: Clock,
        *,
        after: str | None = None,
    ) -> None:
        """``after``: the position behind which a source goes on that has positions."""
        self.sampled = 0
        """Readings so far, which is the number of the newest."""
        self.failure: BaseException | None = None
        """What ended it, if it did not end by itself."""
        self._source = source
        self._queues = tuple(queues)
        self._clock = clock
        self._after = after
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        self._stopped.set()
        self._source.close()
        self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            if isinstance(self._source, PositionedSource):
                self._follow(self._source)
            else:
                self._sample(self._source)
            log.info("the source has ended after %d readings", self.sampled)
        except Exception as error:
            log.exception("the source has failed")
            self.failure = error

    def _sample(self, source: Source) -> None:
        for values in source.readings():
            seq = self.sampled + 1
            reading = Reading(seq, self._clock.monotonic_us(), self._clock.wall_us(), values)
            for queue in self._queues:
                queue.offer(reading)
            self.sampled = seq

    def _follow(self, source: PositionedSource) -> None:
        for sample in source.samples(self._after):
            reading = self._numbered(sample)
            if not all(queue.put(reading, self._stopped.is_set) for queue in self._queues):
                return  # what a queue did not take is asked for again, behind the last position
            self.sampled = reading.seq

    def _numbered(self, sample: Sample) -> Reading:
        # one axis for what has times of its own: a backlog is read within seconds, and its
        # readings are to be as far apart as they were measured
        wall = sample.wall_us
        monotonic = self._clock.monotonic_us() if wall is None else max(0, wall)
        if wall is None:
            wall = self._clock.wall_us()
        return Reading(self.sampled + 1, monotonic, wall, sample.values, sample.position)
