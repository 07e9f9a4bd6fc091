"""The thread in which readings are scored."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence

from lineal_edge.bounded_queue import BoundedQueue, Lost
from lineal_edge.interfaces import EventSink, ScoredPayload, Scorer
from lineal_edge.reading import Reading

log = logging.getLogger(__name__)


class ScoringLoop:
    """Passes every reading to the scorer, and what it says of it to the outbox.

    A scorer that raises has not ended scoring: the reading counts as skipped, so that its windows
    start again, and the next one is tried.
    """

    def __init__(self, queue: BoundedQueue, scorer: Scorer, sink: EventSink) -> None:
        self.skipped = 0
        """Readings that were not scored, since the start."""
        self.failures = 0
        """Times the scorer raised."""
        self._queue = queue
        self._scorer = scorer
        self._sink = sink
        self._thread = threading.Thread(target=self._run, name="scorer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        self._queue.close()
        self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while True:
            closed = self._queue.closed
            items = self._queue.take(1, 1.0)
            for item in items:
                if self._put(self._score(item)) and isinstance(item, Reading):
                    self._scorer.kept(item)
            if not items and closed:
                return

    def _score(self, item: Reading | Lost) -> Sequence[ScoredPayload]:
        try:
            if isinstance(item, Lost):
                self.skipped += item.last_seq - item.first_seq + 1
                return self._scorer.skipped(item.first_seq, item.last_seq)
            return self._scorer.observe(item)
        except Exception:
            self.failures += 1
            if self.failures & (self.failures - 1) == 0:  # each doubling: a broken model fails ever
                log.exception("the scorer has failed, for the %d. time", self.failures)
            if isinstance(item, Reading):
                return self._score(Lost(item.seq, item.seq, item.wall_us))
            return ()

    def _put(self, found: Sequence[ScoredPayload]) -> bool:
        kept = True
        for payload in found:
            try:
                self._sink(payload)
            except sqlite3.OperationalError:
                kept = False
                log.exception("a %s could not be kept", payload.type)
        return kept
