"""The root of all our exceptions: the lowest of our packages has it, so that all can."""

from __future__ import annotations


class LinealError(Exception):
    """Every exception of ours is one of these."""
