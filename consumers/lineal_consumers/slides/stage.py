"""The stages of slides: their tiles are scattered, scored in parallel, and gathered."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import orjson

from lineal import Context, fan_in, stage
from lineal.stages.declaration import WORKER_LANES
from lineal_consumers.slides.config import SlidesConfig
from lineal_schemas.slides import SlideArrived, SlideScored, TilesRequested, TilesScored

_NPZ = "application/x-npz"


@stage(
    "slides.scatter",
    version="1",
    produces=TilesRequested,
    section="slides",
    lanes=WORKER_LANES,
)
async def scatter(arrived: SlideArrived, ctx: Context[SlidesConfig]) -> tuple[TilesRequested, ...]:
    """Ask for the tiles of a slide to be scored, but for those that are surely background."""
    from lineal_consumers.slides.tiling import plan_slide

    config = ctx.config
    slide = arrived.slide
    path = await ctx.objects.path(slide.content, role="slide")
    plan = await ctx.run(
        plan_slide,
        str(path),
        config.tile,
        config.max_background,
        config.max_tiles,
        seconds=config.seconds,
    )
    size = config.tiles_per_part
    parts = [tuple(plan.tiles[at : at + size]) for at in range(0, len(plan.tiles), size)]
    ctx.annotate(
        width=plan.grid.width,
        height=plan.grid.height,
        tiles=plan.grid.rows * plan.grid.columns,
        candidates=len(plan.tiles),
    )
    described = orjson.dumps([slide.model_dump(), plan.grid.model_dump(), parts])
    group_id = f"{slide.slide_id}/{sha256(described).hexdigest()}/{scatter.version}"
    return tuple(
        TilesRequested(
            group_id=group_id,
            index=index,
            count=len(parts),
            slide=slide,
            grid=plan.grid,
            tiles=tiles,
        )
        for index, tiles in enumerate(parts)
    )


@stage(
    "slides.score",
    version="1",
    produces=TilesScored,
    section="slides",
    lanes=WORKER_LANES,
)
async def score(part: TilesRequested, ctx: Context[SlidesConfig]) -> TilesScored:
    """Score some tiles, but for those that turn out to be background."""
    from lineal_consumers.slides.tiling import score_tiles, scorer_version

    config = ctx.config
    path = await ctx.objects.path(part.slide.content, role="slide")
    version = await ctx.run(scorer_version, config.scorer, seconds=config.seconds)
    made = await ctx.run(
        score_tiles,
        str(path),
        part.grid,
        part.tiles,
        config.scorer,
        config.max_background,
        seconds=config.seconds,
    )
    ctx.annotate(scorer=version, scored=made.scored, background=made.background)
    return TilesScored(
        group_id=part.group_id,
        index=part.index,
        count=part.count,
        slide=part.slide,
        grid=part.grid,
        shard=await ctx.objects.put(made.data, _NPZ, role="shard"),
        scored=made.scored,
        background=made.background,
        scorer=version,
    )


@fan_in(
    "slides.gather",
    version="1",
    produces=SlideScored,
    section="slides",
    lanes=WORKER_LANES,
)
async def gather(parts: Sequence[TilesScored], ctx: Context[SlidesConfig]) -> SlideScored:
    """Join the scores of all tiles, score the slide, and draw where its score comes from."""
    from lineal_consumers.slides.joining import join_shards

    config = ctx.config
    first = parts[0]
    path = await ctx.objects.path(first.slide.content, role="slide")
    shards = [await ctx.objects.get(part.shard, role="shard") for part in parts]
    made = await ctx.run(
        join_shards, str(path), first.grid, shards, config.scorer, seconds=config.seconds
    )
    scored = sum(part.scored for part in parts)
    features = orjson.dumps(made.features, option=orjson.OPT_SORT_KEYS)
    ctx.annotate(score=f"{made.mean:.6f}", scored=scored, scorer=first.scorer)
    return SlideScored(
        slide=first.slide,
        grid=first.grid,
        score=round(made.mean, 6),
        scorer=first.scorer,
        scored=scored,
        background=first.grid.rows * first.grid.columns - scored,
        highest=made.highest,
        scores=await ctx.objects.put(made.scores, _NPZ, role="scores"),
        features=await ctx.objects.put(features, "application/json", role="features"),
        heat_map=await ctx.objects.put(made.heat_map, "application/zip", role="heat_map"),
    )
