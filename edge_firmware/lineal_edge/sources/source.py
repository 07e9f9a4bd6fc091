"""The interfaces of all sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable


@dataclass
class SourceCounts:
    """What went wrong on the way in, since the start."""

    bad_lines: int = 0
    reconnects: int = 0
    duplicates: int = 0
    """What came again and was left out."""


class Source(Protocol):
    """Yields the values of one moment after the other, at the pace at which they are measured.

    What nobody takes at that pace is gone; its readings are of the moment in which they come.
    """

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the values, in their order."""

    @property
    def counts(self) -> SourceCounts: ...

    def readings(self) -> Iterator[tuple[float, ...]]:
        """Values as they come, NaN where there is none; ends with the source, or after close."""

    def close(self) -> None:
        """Make ``readings`` end soon; from any thread."""


class Sample(NamedTuple):
    """The values of one moment, and where the source goes on behind it."""

    values: tuple[float, ...]
    """NaN where there is none."""
    wall_us: int | None
    """When they were measured, microseconds since the Unix epoch; None: now."""
    position: str
    """Opaque to everybody else."""


@runtime_checkable
class PositionedSource(Protocol):
    """A source that can go on where it was: a file, a queue at a broker, a server with history.

    The agent commits a sample's position together with its values, in one transaction; after a
    kill it asks for what is behind the last one committed. So no sample is lost or comes twice.
    """

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the values, in their order."""

    @property
    def counts(self) -> SourceCounts: ...

    @property
    def name(self) -> str:
        """What positions are kept under: another file or another broker has another name."""

    def samples(self, after: str | None) -> Iterator[Sample]:
        """What is behind a position, as it comes; None: from the beginning. Whoever takes them may
        take its time: nothing is dropped meanwhile."""

    def committed(self, position: str) -> None:
        """This sample and all before it are on the disk; from another thread."""

    def close(self) -> None:
        """Make ``samples`` end soon; from any thread."""
