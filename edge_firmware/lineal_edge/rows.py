"""Encodes the rows of the readings stream in the outbox."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple


class ReadingRow(NamedTuple):
    """One reading that waits to be sent."""

    id: int
    boot_id: str
    features: str
    """JSON array of the names of the values."""
    seq: int
    monotonic_us: int
    wall_us: int
    values: tuple[float, ...]


class GapRow(NamedTuple):
    """Readings that will never be sent, and why."""

    id: int
    boot_id: str
    first_seq: int
    last_seq: int
    wall_us: int
    reason: str


StreamRow = ReadingRow | GapRow


@lru_cache(maxsize=8)
def _layout(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")


@lru_cache(maxsize=8)
def names(features: str) -> tuple[str, ...]:
    """The names in a row's ``features``."""
    return tuple(json.loads(features))


def pack(values: Sequence[float]) -> bytes:
    """Values as little-endian float64."""
    return _layout(len(values)).pack(*values)


def stream_row(
    id: int,
    boot_id: str,
    features: str,
    first_seq: int,
    last_seq: int,
    monotonic_us: int,
    wall_us: int,
    body: bytes | None,
    reason: str | None,
) -> StreamRow:
    """A row as it is read from the table; a reading whose values cannot be read is a gap."""
    if body is None:
        return GapRow(id, boot_id, first_seq, last_seq, wall_us, reason or "damaged")
    count = len(names(features))
    if len(body) != count * 8:
        return GapRow(id, boot_id, first_seq, last_seq, wall_us, "damaged")
    values = _layout(count).unpack(body)
    return ReadingRow(id, boot_id, features, first_seq, monotonic_us, wall_us, values)
