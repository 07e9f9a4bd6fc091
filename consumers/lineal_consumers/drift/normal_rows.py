"""The readings of a collected block that count for drift: those outside of anomalies, and what
people have marked as normal."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel

from lineal import Context
from lineal_consumers.drift.config import DriftConfig
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, MachineMarked
from lineal_schemas.telemetry import TelemetryCollected

_MAX_REMEMBERED = 64
_GUARD = 100
"""Readings on both sides of an anomaly that are left out with it."""


class _Anomaly(BaseModel):
    anomaly_id: str
    boot_id: str
    first_seq: int
    last_seq: int | None
    """None while it is open."""


class _Anomalies(BaseModel):
    newest: tuple[_Anomaly, ...] = ()


async def remember_anomaly(
    anomaly: AnomalyOpened | AnomalyClosed, ctx: Context[DriftConfig]
) -> None:
    """Take note of an anomaly's readings: a fault is not a drift."""
    key = f"anomalies/{anomaly.device}"
    known = await ctx.state.get(key, _Anomalies) or _Anomalies()
    before = [item for item in known.newest if item.anomaly_id == anomaly.anomaly_id]
    closed = isinstance(anomaly, AnomalyClosed)
    if before and not closed:
        return  # it is known, and may be over already: the two topics have no common order
    item = _Anomaly(
        anomaly_id=anomaly.anomaly_id,
        boot_id=anomaly.boot_id,
        first_seq=before[0].first_seq if before else anomaly.first_seq,
        last_seq=anomaly.last_seq if closed else None,
    )
    others = [other for other in known.newest if other.anomaly_id != anomaly.anomaly_id]
    await ctx.state.put(key, _Anomalies(newest=(*others, item)[-_MAX_REMEMBERED:]))


class _Marks(BaseModel):
    newest: tuple[MachineMarked, ...] = ()


async def remember_mark(mark: MachineMarked, ctx: Context[DriftConfig]) -> None:
    """Take note of what a person has said of a time."""
    key = f"marks/{mark.device}"
    known = await ctx.state.get(key, _Marks) or _Marks()
    others = [other for other in known.newest if other.mark != mark.mark]
    newest = others if mark.withdrawn else [*others, mark]
    await ctx.state.put(key, _Marks(newest=tuple(newest)[-_MAX_REMEMBERED:]))


class NormalBatch(NamedTuple):
    """A batch of readings, and which of them are within an anomaly."""

    begin_us: int
    """Wall clock of the first reading."""
    offsets_us: Sequence[int]
    values: Sequence[Sequence[float | None]]
    places: Sequence[int | None]
    """Per feature, its column; None where the batch lacks it."""
    anomalous: frozenset[int]
    """Indexes of the readings to leave out: mostly none."""

    @property
    def last_us(self) -> int:
        return self.begin_us + self.offsets_us[-1]

    def rows(self) -> Iterator[tuple[int, list[float | None]]]:
        """Wall clock (microseconds) and values of the readings outside of anomalies."""
        for index, (offset, row) in enumerate(zip(self.offsets_us, self.values, strict=True)):
            if index not in self.anomalous:
                yield self.begin_us + offset, [None if p is None else row[p] for p in self.places]


async def normal_batches(
    block: TelemetryCollected, features: Sequence[str], ctx: Context[DriftConfig]
) -> list[NormalBatch]:
    """The block's batches, with what of them belongs to anomalies."""
    known = await ctx.state.get(f"anomalies/{block.device}", _Anomalies) or _Anomalies()
    ranges = [
        (item.first_seq - _GUARD, None if item.last_seq is None else item.last_seq + _GUARD)
        for item in known.newest
        if item.boot_id == block.boot_id
    ]
    marks = await ctx.state.get(f"marks/{block.device}", _Marks) or _Marks()
    data = await ctx.objects.get(block.content, role="readings")
    batches = []
    for line in gzip.decompress(data).splitlines():
        batch = orjson.loads(line)
        first, count = batch["first_seq"], len(batch["offsets_us"])
        near = [(a, b) for a, b in ranges if a < first + count and (b is None or first <= b)]
        columns = {name: column for column, name in enumerate(batch["features"])}
        batches.append(
            NormalBatch(
                begin_us=batch["wall_us"],
                offsets_us=batch["offsets_us"],
                values=batch["values"],
                places=[columns.get(name) for name in features],
                anomalous=_anomalous(batch, near, marks.newest),
            )
        )
    if left_out := sum(len(batch.anomalous) for batch in batches):
        ctx.annotate(anomalous=left_out)
    return batches


def _anomalous(
    batch: dict[str, Any],
    ranges: Sequence[tuple[int, int | None]],
    marks: Sequence[MachineMarked],
) -> frozenset[int]:
    """The indexes of the readings to leave out; what a person said of a time wins."""
    first, count = batch["first_seq"], len(batch["offsets_us"])
    found = {
        index
        for a, b in ranges
        for index in range(max(a - first, 0), count if b is None else min(b - first + 1, count))
    }
    begin, offsets = batch["wall_us"], batch["offsets_us"]
    for mark in marks:  # the one that was made last has the last word
        if mark.to_us <= begin or begin + offsets[-1] < mark.from_us:
            continue
        marked = {
            index
            for index, offset in enumerate(offsets)
            if mark.from_us <= begin + offset < mark.to_us
        }
        found = found - marked if mark.fault is None else found | marked
    return frozenset(found)
