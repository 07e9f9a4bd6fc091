"""``LinealError``, the base of all exceptions of lineal, and what cannot be read as an event."""

from __future__ import annotations


class LinealError(Exception):
    """Every exception of ours is one of these."""


class MalformedEvent(LinealError, ValueError):
    """Bytes or attributes that are not a CloudEvent we can read."""
