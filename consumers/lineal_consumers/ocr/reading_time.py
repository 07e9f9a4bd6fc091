"""Limits the processor time for recognising a page, by the size of its file.

A few kilobytes unpack to a page of noise that keeps recognition busy for minutes; a page that
somebody scanned has more bytes the more there is to read on it. Processor time, since a page must
not be given up because others keep the machine busy.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from pathlib import Path

_FREE_SECONDS = 4.0
_BYTES_PER_SECOND = 15_000
"""Of the file, for each further second. Dense faxes have some 40 kB a page and take two."""

_until: ContextVar[float | None] = ContextVar("_until", default=None)


def begin_page(path: str) -> None:
    """From now on the next page is read, of this file."""
    seconds = _FREE_SECONDS + Path(path).stat().st_size / _BYTES_PER_SECOND
    _until.set(time.process_time() + seconds)


def end_pages() -> None:
    """What this process recognises next belongs to no file that it has read."""
    _until.set(None)


def seconds_left() -> float:
    """Seconds of processor time for recognising what is left of the page; unlimited where no page
    was begun.

    Raises:
        TimeoutError: there are none.
    """
    until = _until.get()
    if until is None:
        return float("inf")
    left = until - time.process_time()
    if left <= 0:
        raise TimeoutError("recognition takes too long")
    return left
