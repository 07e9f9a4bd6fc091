"""Collects batches of readings into blocks to learn from."""

from __future__ import annotations

import gzip
from fnmatch import fnmatchcase
from typing import NamedTuple

from lineal import Context, stage
from lineal_consumers.retrain.config import CollectConfig
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import CollectedBatch, TelemetryCollected, TelemetryReadings

MEDIA_TYPE = "application/gzip"
_LEVEL = 3


class _Head(NamedTuple):
    """Up to which reading a device's batches have been collected."""

    blocks: int = 0
    """Blocks that were made."""
    waiting: int = 0
    """Batches of the next one."""
    boot: str | None = None
    features: tuple[str, ...] | None = None


@stage(
    "retrain.collect",
    version="1",
    produces=TelemetryCollected,
    memo=False,
)
async def collect(
    batch: TelemetryReadings, ctx: Context[CollectConfig]
) -> TelemetryCollected | None:
    """Put a batch aside, and with every so-manieth make an object of them.

    Batches wait one to a row, so what is written does not grow with the block. A block holds
    batches of one boot and one set of features.
    """
    device, state = batch.device, ctx.state
    if not any(fnmatchcase(device, pattern) for pattern in ctx.config.devices):
        return None
    head = await state.get(f"head/{device}", _Head) or _Head()
    blocks, waiting = head.blocks, head.waiting
    changed = waiting and (head.boot != batch.boot_id or head.features != batch.features)
    if not changed and waiting + 1 < ctx.config.block_batches:
        await state.put(f"batch/{device}/{waiting:04}", payload_bytes(batch))
        head = _Head(blocks, waiting + 1, batch.boot_id, batch.features)
        await state.put(f"head/{device}", head)
        return None
    rows = [data for _, data in await state.items(f"batch/{device}/", bytes)][:waiting]
    if changed:  # the batch begins the next block
        await state.put(f"batch/{device}/0000", payload_bytes(batch))
        head = _Head(blocks + 1, 1, batch.boot_id, batch.features)
    else:
        rows.append(payload_bytes(batch))
        head = _Head(blocks + 1, 0, batch.boot_id, batch.features)
    await state.put(f"head/{device}", head)
    return await _block(rows, blocks + 1, ctx)


async def _block(rows: list[bytes], number: int, ctx: Context[CollectConfig]) -> TelemetryCollected:
    batches = [TelemetryReadings.model_validate_json(data) for data in rows]
    data = gzip.compress(b"".join(row + b"\n" for row in rows), _LEVEL, mtime=0)
    content = await ctx.objects.put(data, MEDIA_TYPE, role="readings")
    first = batches[0]
    return TelemetryCollected(
        device=first.device,
        boot_id=first.boot_id,
        number=number,
        features=first.features,
        batches=tuple(
            CollectedBatch(
                digest=batch.digest,
                first_seq=batch.first_seq,
                last_seq=batch.last_seq,
                wall_us=batch.wall_us,
            )
            for batch in batches
        ),
        content=content,
    )
