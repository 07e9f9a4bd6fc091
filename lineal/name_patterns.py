"""Settings by names, in which ``*`` and ``?`` stand for other characters."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

V = TypeVar("V")


def first_match(by_pattern: Mapping[str, V], name: str) -> V | None:
    """The value of the first pattern that a name fits; None if it fits none."""
    return next(
        (value for pattern, value in by_pattern.items() if fnmatchcase(name, pattern)), None
    )
