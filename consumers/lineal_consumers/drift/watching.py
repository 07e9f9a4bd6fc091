"""Adds a collected block to a device's sample, and tests the sample when it is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel

from lineal import Context
from lineal.artifact_in_use import ArtifactInUse
from lineal.name_patterns import first_match
from lineal_consumers.drift.config import DriftConfig, season_of, watched_features
from lineal_consumers.drift.engine import (
    DriftReport,
    FeatureComparison,
    compare,
    compare_adaptively,
)
from lineal_consumers.drift.normal_rows import normal_batches
from lineal_consumers.drift.season_watching import watch_season
from lineal_schemas.drift import DriftDetected, FeatureDrift
from lineal_schemas.models import ModelRef, ModelTrained
from lineal_schemas.objects import ObjectRef
from lineal_schemas.telemetry import TelemetryCollected

Array = npt.NDArray[np.float64]
_MAX_REFERENCES = 64


class _Reference(BaseModel):
    """Where the training sample of a model is."""

    dataset: str
    reference: ObjectRef


@dataclass
class _Sample:
    """A device's newest readings, some time apart."""

    model: str
    """Digest of the model they are compared for."""
    features: list[str]
    times: list[int] = field(default_factory=list)
    """Wall clock of each, microseconds."""
    rows: list[list[float | None]] = field(default_factory=list)

    def pack(self) -> bytes:
        return orjson.dumps([self.model, self.features, self.times, self.rows])


async def remember_reference(trained: ModelTrained, ctx: Context[DriftConfig]) -> None:
    """Take note of where the training sample of a model is."""
    if trained.reference is None:
        return
    value = _Reference(dataset=trained.dataset, reference=trained.reference)
    prefix = f"reference/{trained.name}/"
    key = f"{prefix}{trained.model.version:08}-{trained.model.sha256}"
    await ctx.state.put(key, value)
    kept = await ctx.state.items(prefix, bytes)
    for old, _ in kept[:-_MAX_REFERENCES]:
        await ctx.state.delete(old)


async def watch(block: TelemetryCollected, ctx: Context[DriftConfig]) -> DriftDetected | None:
    """Add a block to its device's sample; returns a drift that was not reported yet, if one is
    found."""
    name = first_match(ctx.config.models, block.device)
    in_use = None if name is None else await ctx.artifact(name)
    if in_use is None:
        return None
    key = f"reference/{in_use.name}/{in_use.version:08}-{in_use.sha256}"
    known = await ctx.state.get(key, _Reference)
    if known is None:
        return None
    reference = await ctx.objects.get(known.reference, role="reference")
    features, then = _reference(reference)
    if not watched_features(ctx.config, block.device, features):
        return None
    if (season := season_of(ctx.config, block.device)) is not None:
        return await watch_season(block, in_use, known.dataset, features, season, ctx)
    sample = await _extend(block, in_use, features, ctx)
    found = None
    cooldown_key = f"told/{in_use.name}"
    if len(sample.rows) >= ctx.config.min_sample and not await _cooling(cooldown_key, sample, ctx):
        report = _compare(then, _array(sample.rows), block.device, features, ctx.config)
        if report.drifted:
            found = _drift(report, sample, block.device, in_use, known.dataset, ctx.config)
            await ctx.state.put(cooldown_key, sample.times[-1])
            sample.times, sample.rows = [], []  # what was told of is not told of again
    await ctx.state.put(f"sample/{block.device}", sample.pack())
    return found


async def _cooling(key: str, sample: _Sample, ctx: Context[DriftConfig]) -> bool:
    last = await ctx.state.get(key, int)
    pause = int(ctx.config.cool_down_seconds * 1e6)
    return last is not None and sample.times[-1] < last + pause


async def _extend(
    block: TelemetryCollected, in_use: ArtifactInUse, features: list[str], ctx: Context[DriftConfig]
) -> _Sample:
    """The device's sample with the readings of the block; a new one for another model."""
    kept = await ctx.state.get(f"sample/{block.device}", bytes)
    sample = _Sample(*orjson.loads(kept)) if kept else _Sample(in_use.sha256, features)
    if sample.model != in_use.sha256 or sample.features != features:
        sample = _Sample(in_use.sha256, features)
    spacing = int(ctx.config.spacing_seconds * 1e6)
    due = sample.times[-1] + spacing if sample.times else 0
    if due > block.batches[-1].wall_us + spacing:
        due = 0  # the clock was set back
    for batch in await normal_batches(block, features, ctx):
        if batch.last_us < due:
            continue
        for wall_us, row in batch.rows():
            if wall_us >= due:
                due = wall_us + spacing
                sample.times.append(wall_us)
                sample.rows.append(row)
    most = ctx.config.sample
    sample.times, sample.rows = sample.times[-most:], sample.rows[-most:]
    return sample


def _compare(
    then: Array, now: Array, device: str, features: list[str], config: DriftConfig
) -> DriftReport:
    tested = watched_features(config, device, features)
    names = [features[place] for place in tested]
    if config.test == "adwin":
        return compare_adaptively(
            then[:, tested], now[:, tested], names, config.significance, config.min_shift
        )
    return compare(
        then[:, tested],
        now[:, tested],
        names,
        significance=config.significance,
        correction=config.correction,
        min_shift=config.min_shift,
    )


def _drift(
    report: DriftReport,
    sample: _Sample,
    device: str,
    in_use: ArtifactInUse,
    dataset: str,
    config: DriftConfig,
) -> DriftDetected:
    return DriftDetected(
        name=in_use.name,
        model=ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256),
        device=device,
        test=config.test,
        correction="bonferroni" if config.test == "adwin" else config.correction,
        significance=config.significance,
        reference=dataset,
        samples=report.samples,
        from_us=sample.times[0],
        to_us=sample.times[-1],
        features=tuple(_feature(item) for item in report.features),
    )


def _feature(item: FeatureComparison) -> FeatureDrift:
    return FeatureDrift(
        feature=item.feature,
        statistic=item.statistic,
        p_value=None if item.p_value is None else min(1.0, max(0.0, item.p_value)),
        drifted=item.drifted,
        reference_mean=item.reference_mean,
        mean=item.mean,
    )


def _reference(data: bytes) -> tuple[list[str], Array]:
    found: dict[str, Any] = orjson.loads(data)
    return list(found["features"]), _array(found["rows"])


def _array(rows: list[list[float | None]]) -> Array:
    return np.array(rows, dtype=np.float64)
