"""``LinealError``, the base of all exceptions of lineal."""

from __future__ import annotations


class LinealError(Exception):
    """Every exception of ours is one of these."""
