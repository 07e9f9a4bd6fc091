"""The retry policy: how many attempts, and how long apart."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

from tenacity import RetryCallState, wait_exponential_jitter
from tenacity.wait import wait_base

from lineal.errors import HandlerTimeout, PermanentFailure, Reject, Retry, Unavailable
from lineal.workers.errors import WorkerOutOfMemory, WorkerTimeout

_OUT_OF_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds of in-lane retries.

    Attributes:
        attempts: how often an event is tried in all.
        costly_attempts: the same for failures that used up their whole limit (a task that hung,
            or ran out of memory): trying those again rarely helps and costs the most.
        first_seconds, max_seconds: the pause doubles from the first to the most, with jitter.
        total_seconds: no further attempt is begun after this long.
    """

    attempts: int = 5
    costly_attempts: int = 2
    first_seconds: float = 0.2
    max_seconds: float = 30.0
    total_seconds: float = 300.0

    def pauses(self) -> wait_base:
        """How long to wait before each further attempt."""
        return wait_exponential_jitter(
            multiplier=self.first_seconds, max=self.max_seconds, jitter=self.first_seconds
        )

    def gives_up(self, error: Exception, attempt: int, elapsed_seconds: float) -> bool:
        """Whether attempt number ``attempt`` (from 1), failed with this error, was the last.

        What failed while something was away (:func:`unavailable`) is not to be counted, nor the
        time that took.
        """
        if isinstance(error, Reject | PermanentFailure):
            return True
        if unavailable(error) or isinstance(error, Retry):
            return False
        most = self.attempts
        starved = isinstance(error, WorkerTimeout) and error.starved
        costly = isinstance(error, HandlerTimeout | WorkerTimeout | WorkerOutOfMemory)
        if costly and not starved:
            most = self.costly_attempts
        return attempt >= most or elapsed_seconds >= self.total_seconds


def pause_after(error: Exception, attempt: int, pauses: wait_base) -> float:
    """Seconds to wait after attempt number ``attempt`` (from 1) failed with this error."""
    if isinstance(error, Retry) and error.seconds is not None:
        return error.seconds
    state = SimpleNamespace(attempt_number=attempt)
    return pauses(cast("RetryCallState", state))


def unavailable(error: BaseException) -> bool:
    """Whether the machine, not the event, is to blame: a full disk, a busy database, a broker that
    is away, no more file descriptors. Waiting loses nothing; giving events up would."""
    if isinstance(error, Unavailable):
        return True
    return isinstance(error, OSError) and error.errno in _OUT_OF_ROOM
