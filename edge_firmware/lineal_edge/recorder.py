"""Writes readings from the queue to the outbox, many in a transaction."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence

from lineal_edge.bounded_queue import BoundedQueue, Lost
from lineal_edge.outbox import Outbox, newest_position
from lineal_edge.reading import Reading

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


class Recorder:
    """A thread that commits readings each ``rows`` or ``seconds``, whichever comes first.

    A disk that cannot be written blocks this thread only: the queue fills, and readings that find
    no room there become a gap once the disk works again.
    """

    def __init__(
        self,
        queue: BoundedQueue,
        outbox: Outbox,
        *,
        rows: int,
        seconds: float,
        recorded: Callable[[], None],
        committed: Callable[[str], None] | None = None,
    ) -> None:
        """``recorded`` is called after every commit, ``committed`` with the newest position in it
        where the source has positions."""
        self._queue = queue
        self._outbox = outbox
        self._rows = rows
        self._seconds = seconds
        self._recorded = recorded
        self._committed = committed
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Close the queue and wait until all that is in it is on the disk, or time is up."""
        self._queue.close()
        self._thread.join(seconds)
        self._stopped.set()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while True:
            # read before taking: what was offered before closing is in this take or the next
            closed = self._queue.closed
            items = self._queue.take(self._rows, self._seconds)
            if items:
                self._keep(items)
            elif closed:
                return

    def _keep(self, items: Sequence[Reading | Lost]) -> None:
        complained = False
        while not self._stopped.is_set():
            try:
                self._outbox.append(items)
            except sqlite3.OperationalError as error:
                if not complained:
                    log.error("the outbox cannot be written: %s", error)
                    complained = True
                if not self._make_room():
                    self._stopped.wait(_RETRY_SECONDS)
                continue
            if complained:
                log.info("the outbox can be written again")
            self._recorded()
            position = newest_position(items)
            if position is not None and self._committed is not None:
                self._committed(position)
            return

    def _make_room(self) -> bool:
        try:
            return self._outbox.make_room()
        except sqlite3.OperationalError:
            return False
