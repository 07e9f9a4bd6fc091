"""Gives memory that was freed back to the machine.

The C library keeps what libraries free, and next to what the following step takes that is a second
peak in a worker's memory. Source: malloc_trim(3).
"""

from __future__ import annotations

import contextlib
import ctypes


def release_memory() -> None:
    """Do so; takes a few milliseconds. Without effect where the C library is another."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
