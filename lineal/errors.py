"""The root of all exceptions that lineal raises."""

from __future__ import annotations


class LinealError(Exception):
    """Every exception of ours is one of these."""
