"""The interface of all sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass
class SourceCounts:
    """What went wrong on the way in, since the start."""

    bad_lines: int = 0
    reconnects: int = 0


class Source(Protocol):
    """Yields the values of one moment after the other, at the pace at which they are measured."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the values, in their order."""

    @property
    def counts(self) -> SourceCounts: ...

    def readings(self) -> Iterator[tuple[float, ...]]:
        """Values as they come, NaN where there is none; ends with the source, or after close."""

    def close(self) -> None:
        """Make ``readings`` end soon; from any thread."""
