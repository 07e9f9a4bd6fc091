"""Watches devices with a season: each hour beside the same hours before."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from lineal import Context
from lineal.artifact_in_use import ArtifactInUse
from lineal_consumers.drift.config import DriftConfig, watched_features
from lineal_consumers.drift.normal_rows import normal_batches
from lineal_consumers.drift.seasonal import (
    TOGETHER_US,
    Hour,
    Season,
    SeasonalProfile,
    Shift,
)
from lineal_schemas.drift import DriftDetected, FeatureDrift
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import TelemetryCollected


async def watch_season(
    block: TelemetryCollected,
    in_use: ArtifactInUse,
    dataset: str,
    features: list[str],
    season: Season,
    ctx: Context[DriftConfig],
) -> DriftDetected | None:
    """Add a block to its device's hours; returns a drift if the newest hours show one.

    Hours before a drift are forgotten when it is found, and what other devices of the model show
    within the cool-down is the same change, so that one change is one drift.
    """
    key, reported_key = f"season/{block.device}", f"season_reported/{in_use.name}"
    profile = _profile(await ctx.state.get(key, bytes), season, features)
    profile.spacing_us = int(ctx.config.spacing_seconds * 1e6)
    reported_us = await ctx.state.get(reported_key, int)
    cool_down_us = max(int(ctx.config.cool_down_seconds * 1e6), TOGETHER_US)
    found = None
    rows = (row for batch in await normal_batches(block, features, ctx) for row in batch.rows())
    for wall_us, row in rows:
        if not profile.add(wall_us, row):
            continue
        shift = profile.compare()
        if shift is None:
            ctx.annotate(season="learning")
        elif found is None:
            found = _drift(shift, block, in_use, dataset, features, ctx.config)
            if found is None:
                continue
            profile.begin_anew()
            if reported_us is not None and abs(found.to_us - reported_us) <= cool_down_us:
                ctx.annotate(known_since=reported_us)
                found = None
            else:
                reported_us = found.to_us
                await ctx.state.put(reported_key, reported_us)
    await ctx.state.put(key, orjson.dumps(asdict(profile)))
    return found


def _profile(kept: bytes | None, season: Season, features: list[str]) -> SeasonalProfile:
    if kept is not None:
        fields: dict[str, Any] = orjson.loads(kept)
        if fields["season"] == season and fields["features"] == features:
            hours = [Hour(**hour) for hour in fields["hours"]]
            return SeasonalProfile(**{**fields, "hours": hours})
    return SeasonalProfile(season, features)


def _drift(
    shift: Shift,
    block: TelemetryCollected,
    in_use: ArtifactInUse,
    dataset: str,
    features: list[str],
    config: DriftConfig,
) -> DriftDetected | None:
    tested = watched_features(config, block.device, features)
    if not any(shift.lasting[place] for place in tested):
        return None
    return DriftDetected(
        name=in_use.name,
        model=ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256),
        device=block.device,
        test="seasonal",
        correction="none",
        significance=config.significance,
        reference=dataset,
        samples=max(1, shift.readings),
        from_us=shift.from_us,
        to_us=shift.to_us,
        features=tuple(
            FeatureDrift(
                feature=features[place],
                statistic=shift.sizes[place],
                drifted=shift.lasting[place],
                reference_mean=shift.before[place],
                mean=shift.now[place],
            )
            for place in tested
        ),
    )
