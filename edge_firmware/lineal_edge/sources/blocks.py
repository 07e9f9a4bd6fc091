"""The interface of block readers: what delivers vibration a block of samples at a time.

A plug-in is a function that makes one from the source's settings, and two lines in its
``pyproject.toml``:

    [project.entry-points."lineal_edge.block_readers"]
    mine = "my_package.my_reader:open_reader"
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

GROUP = "lineal_edge.block_readers"


class Block(NamedTuple):
    """Consecutive samples of all axes."""

    samples: npt.NDArray[Any]
    """Samples × axes, as the sensor gives them; any type of number."""
    wall_us: int | None
    """Of the last sample, microseconds since the Unix epoch; None: now."""
    position: str
    """Where the reader goes on behind it; opaque to everybody else."""


class BlockReader(Protocol):
    """Delivers blocks that are all of the same length."""

    @property
    def name(self) -> str:
        """What positions are kept under."""

    def blocks(self, size: int, after: str | None) -> Iterator[Block]:
        """Blocks of ``size`` samples behind a position, as they come; None: from the beginning."""

    def committed(self, position: str) -> None:
        """The features of this block and all before it are on the disk; from another thread."""

    def close(self) -> None:
        """Make ``blocks`` end soon; from any thread."""


def load_reader(name: str) -> Any:
    """The function that makes a reader of this name.

    Raises:
        ValueError: no such reader is installed; the message names those that are.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        there = ", ".join(sorted(points))
        raise ValueError(f"no block reader {name!r} is installed; there are: {there}")
    return points[name].load()


def from_bytes(data: bytes, sample: str, axes: int) -> npt.NDArray[Any]:
    """Samples × axes of interleaved samples: ``int16``, ``int24``, ``int32``, ``float32`` or
    ``float64``, little-endian, or big-endian with ``be`` behind it."""
    big = sample.endswith("be")
    kind = sample.removesuffix("be")
    if kind == "int24":
        triples = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(triples), 4), np.uint8)
        wide[:, 1:] = triples[:, ::-1] if big else triples
        return (wide.view("<i4") >> 8).reshape(-1, axes)
    return np.frombuffer(data, np.dtype(kind).newbyteorder(">" if big else "<")).reshape(-1, axes)


def bytes_of(sample: str) -> int:
    """Bytes of one sample."""
    return int("".join(filter(str.isdigit, sample))) // 8
