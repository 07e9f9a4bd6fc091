"""Filters repeated log lines, which clients write by the hundred while a broker is away."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from structlog.typing import EventDict, WrappedLogger

_SECONDS = 30.0
_MAX_LINES = 1_000
_LEVELS = frozenset({"warning", "error", "critical"})


class _Last(NamedTuple):
    at: float
    repeated: int


class DuplicateLogFilter:
    """A structlog processor that drops warnings and errors that are equal to one of less than
    ``seconds`` ago. The next one has in ``repeated`` how many were dropped. It has to run after the
    processor that adds the level and before the one that adds the time.
    """

    def __init__(
        self, seconds: float = _SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last: dict[tuple[object, ...], _Last] = {}

    def __call__(self, logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
        if line.get("level") not in _LEVELS:
            return line
        key = tuple(sorted((name, _text(name, value)) for name, value in line.items()))
        now = self._clock()
        last = self._last.get(key)
        if last is not None and now - last.at < self._seconds:
            self._last[key] = last._replace(repeated=last.repeated + 1)
            raise structlog.DropEvent
        if len(self._last) >= _MAX_LINES:
            self._last.clear()  # all different: nothing here recurs
        self._last[key] = _Last(now, 0)
        if last is not None and last.repeated:
            line["repeated"] = last.repeated
        return line


def _text(name: str, value: object) -> str:
    if name != "exc_info":
        return repr(value)
    error = sys.exc_info()[1] if value is True else value[1] if isinstance(value, tuple) else value
    return repr(error)
