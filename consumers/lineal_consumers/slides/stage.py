"""The stages of slides: tiles are scattered, scored in parallel, gathered, and learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import orjson

from lineal import Context, fan_in, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.store.objects import reference
from lineal_consumers.slides.config import SlidesConfig, model_names
from lineal_schemas.models import DatasetItem, ModelExample, ModelRef
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
    version="2",
    produces=SlideScored,
    section="slides",
    in_use=model_names,
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
    learnt, model = await _learnt_score(first.scorer, made.features, ctx)
    value = made.mean if learnt is None else learnt
    features = orjson.dumps(made.features, option=orjson.OPT_SORT_KEYS)
    ctx.annotate(score=f"{value:.6f}", scored=scored, scorer=first.scorer)
    return SlideScored(
        slide=first.slide,
        grid=first.grid,
        score=round(value, 6),
        model=model,
        tile_mean=None if learnt is None else round(made.mean, 6),
        scorer=first.scorer,
        scored=scored,
        background=first.grid.rows * first.grid.columns - scored,
        highest=made.highest,
        scores=await ctx.objects.put(made.scores, _NPZ, role="scores"),
        features=await ctx.objects.put(features, "application/json", role="features"),
        heat_map=await ctx.objects.put(made.heat_map, "application/zip", role="heat_map"),
    )


async def _learnt_score(
    scorer: str, features: dict[str, float], ctx: Context[SlidesConfig]
) -> tuple[float | None, ModelRef | None]:
    """What the model in use says; None without one, or if it learnt from another scorer's tiles."""
    in_use = await ctx.artifact(ctx.config.model)
    if in_use is None:
        return None, None
    from lineal_consumers.slides.model import score_slide

    path = await ctx.objects.path(
        reference(in_use.sha256, in_use.bytes, in_use.media_type), role="model"
    )
    found = await ctx.run(score_slide, scorer, features, str(path), seconds=ctx.config.seconds)
    if found is None:
        ctx.annotate(model=f"{in_use.name} knows tiles of another scorer")
        return None, None
    return found, ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256)


@stage(
    "slides.learn",
    version="1",
    produces=ModelExample,
    section="slides",
    memo=False,
    lanes=WORKER_LANES,
)
async def learn(scored: SlideScored, ctx: Context[SlidesConfig]) -> ModelExample | None:
    """A slide of which a person has said what is on it is something to learn from."""
    slide = scored.slide
    if slide.label is None:
        return None
    from lineal_consumers.slides.joining import score_map

    scores = await ctx.objects.path(scored.scores, role="scores")
    drawn = await ctx.run(score_map, str(scores), scored.grid, seconds=ctx.config.seconds)
    features = orjson.loads(await ctx.objects.get(scored.features, role="features"))
    size = [scored.grid.width, scored.grid.height]
    said = {"scorer": scored.scorer, "features": features, "size": size, "map": drawn}
    ref = await ctx.objects.put(
        orjson.dumps(said, option=orjson.OPT_SORT_KEYS), "application/json", role="example"
    )
    return ModelExample(
        name=ctx.config.model,
        item=DatasetItem(
            digest=ref.sha256,
            source=slide.slide_id,
            time_us=slide.arrived_us,
            group=slide.patient,
            label=slide.label,
            ref=ref,
        ),
        excluded=None if slide.patient else "its patient is not known, who may be in the test part",
    )
