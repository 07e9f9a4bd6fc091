"""Packs rows of the outbox into messages of the readings topic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

from lineal_edge.rows import GapRow, ReadingRow, StreamRow, names
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings

WALL_JUMP_US = 500_000
"""By how much the wall clock may move against the monotonic one inside a batch."""

MAX_VALUES = 20_000
"""Numbers in a message: some 400 KB, which brokers take with their usual limits."""


class Message(NamedTuple):
    """One message and where it ends in the stream."""

    body: bytes
    boot_id: str
    last_seq: int
    last_row: int
    """Id of the last row in it."""
    rows: int
    complete: bool
    """Nothing that comes later could be added: a gap, a new boot or a clock's jump follows."""
    oldest_us: int
    """Monotonic clock of its first reading, within its boot."""


def first_message(device: str, rows: Sequence[StreamRow]) -> Message | None:
    """The message that the first of these rows belong to; None when there are no rows."""
    if not rows:
        return None
    first = rows[0]
    if isinstance(first, GapRow):
        body = gap_body(device, first)
        return Message(body, first.boot_id, first.last_seq, first.id, 1, True, 0)
    end = 1
    most = max(1, MAX_VALUES // len(names(first.features)))
    while end < min(len(rows), most) and _continues(first, rows[end - 1], rows[end]):
        end += 1
    run = cast("Sequence[ReadingRow]", rows[:end])
    batch = TelemetryReadings(
        device=device,
        boot_id=first.boot_id,
        first_seq=first.seq,
        last_seq=run[-1].seq,
        monotonic_us=first.monotonic_us,
        wall_us=max(0, first.wall_us),
        features=names(first.features),
        offsets_us=tuple(row.monotonic_us - first.monotonic_us for row in run),
        values=tuple(
            tuple(value if math.isfinite(value) else None for value in row.values) for row in run
        ),
    )
    return Message(
        payload_bytes(batch),
        first.boot_id,
        run[-1].seq,
        run[-1].id,
        end,
        end < len(rows),
        first.monotonic_us,
    )


def gap_body(device: str, row: GapRow) -> bytes:
    """The message of a gap."""
    gap = TelemetryGap(
        device=device,
        boot_id=row.boot_id,
        first_seq=row.first_seq,
        last_seq=row.last_seq,
        reason=row.reason,  # type: ignore[arg-type]  # the outbox writes only these
        wall_us=max(0, row.wall_us),
    )
    return payload_bytes(gap)


def _continues(first: ReadingRow, before: StreamRow, row: StreamRow) -> bool:
    if isinstance(row, GapRow) or isinstance(before, GapRow) or row.boot_id != before.boot_id:
        return False
    monotonic = row.monotonic_us - first.monotonic_us
    moved = row.wall_us - first.wall_us - monotonic
    return monotonic >= 0 and abs(moved) <= WALL_JUMP_US
