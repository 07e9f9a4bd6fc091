"""The stages of clicks: windows of visitors, verdicts and their corrections, what is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import orjson

from lineal import Context, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.store.objects import reference
from lineal.windows import Tumbling, Window, Windows
from lineal_consumers.clicks.config import ClicksConfig, model_names
from lineal_consumers.clicks.features import Clicks
from lineal_consumers.clicks.learner import HUMAN, ROBOT
from lineal_consumers.clicks.model import Score, score_by_rules, score_visits
from lineal_schemas.clicks import (
    ClickInvalid,
    ClickReceived,
    VerdictDue,
    VisitClosed,
    VisitDue,
    VisitLabelled,
)
from lineal_schemas.models import DatasetItem, ModelExample, ModelRef

WINDOWS: Windows[ClickReceived, Clicks] = Windows(
    Tumbling(timedelta(minutes=10)),
    Clicks,
    start=Clicks,
    add=lambda clicks, click: clicks.with_click(click),
    lateness=timedelta(seconds=30),
    kept=timedelta(hours=1),
    expires=timedelta(minutes=10),
    due=lambda visitor: VisitDue(visitor=visitor),
)
"""Of each visitor: late clicks correct for an hour, and soon after that nothing is kept."""


_KEPT_US = 2 * 3_600_000_000
"""A verdict is kept for longer than its window can be corrected, and no longer."""


@stage("clicks", version="1", produces=VisitClosed, memo=False)
async def clicks(click: ClickReceived, ctx: Context[ClicksConfig]) -> list[VisitClosed]:
    """Put a click into the window of its visitor."""
    added = await WINDOWS.add(ctx, click.visitor, click, click.at_us)
    if added.too_late:
        ctx.skip("the click came too late: nothing is kept of its window")
    return _closed(click.visitor, added.windows)


@clicks.on
async def visit_due(due: VisitDue, ctx: Context[ClicksConfig]) -> list[VisitClosed]:
    """Close windows of a visitor who clicks no more."""
    return _closed(due.visitor, await WINDOWS.advance(ctx, due.visitor))


def _closed(visitor: str, windows: Sequence[Window[Clicks]]) -> list[VisitClosed]:
    return [
        VisitClosed(
            visitor=visitor,
            begin_us=window.begin,
            end_us=window.end,
            revision=window.revision,
            clicks=window.value.count,
            features=window.value.features(),
        )
        for window in windows
    ]


@stage(
    "clicks.score",
    version="1",
    produces=ClickInvalid,
    section="clicks",
    memo=False,
    in_use=model_names,
    lanes=WORKER_LANES,
)
async def score(visit: VisitClosed, ctx: Context[ClicksConfig]) -> ClickInvalid | None:
    """Say that a visit's clicks are a robot's; take it back when a correction says otherwise."""
    key = f"invalid {visit.visitor} {visit.begin_us}"
    before = await ctx.state.get(key, int)
    found, model = await _score(visit, ctx)
    robotic = found.is_robotic and visit.clicks >= ctx.config.min_clicks
    ctx.annotate(score=f"{found.score:.4f}", robotic=int(robotic))
    if not robotic and before is None:
        return None
    if robotic:
        await ctx.state.put(key, visit.revision)
    else:
        await ctx.state.delete(key)
    _forget_later(visit, ctx)
    return ClickInvalid(
        visitor=visit.visitor,
        begin_us=visit.begin_us,
        end_us=visit.end_us,
        revision=visit.revision,
        clicks=visit.clicks,
        score=found.score,
        threshold=found.threshold,
        model=model,
        reasons=found.reasons,
        withdrawn=not robotic,
    )


async def _score(visit: VisitClosed, ctx: Context[ClicksConfig]) -> tuple[Score, ModelRef | None]:
    in_use = await ctx.artifact(ctx.config.model)
    if in_use is None:
        return score_by_rules(visit.features, ctx.config), None
    model = await ctx.objects.path(
        reference(in_use.sha256, in_use.bytes, in_use.media_type), role="model"
    )
    (found,) = await ctx.run(score_visits, [visit.features], str(model))
    return found, ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256)


def _forget_later(visit: VisitClosed, ctx: Context[ClicksConfig]) -> None:
    """Nothing is kept of a verdict for longer than a window can be corrected."""
    ctx.timers.set(
        f"forget {visit.visitor} {visit.begin_us}",
        max(ctx.event.time, ctx.now()) + _KEPT_US,
        VerdictDue(visitor=visit.visitor, begin_us=visit.begin_us, end_us=visit.end_us),
    )


@score.on
async def verdict_due(due: VerdictDue, ctx: Context[ClicksConfig]) -> None:
    """Forget what was said of a window that nothing corrects any more."""
    await ctx.state.delete(f"invalid {due.visitor} {due.begin_us}")


@stage("clicks.learn", version="1", produces=ModelExample, section="clicks", memo=False)
async def learn(visit: VisitLabelled, ctx: Context[ClicksConfig]) -> ModelExample:
    """A visit of which somebody knows who made it is something to learn from."""
    await ctx.require("review")
    ref = await ctx.objects.put(
        orjson.dumps(visit.features, option=orjson.OPT_SORT_KEYS), "application/json", "features"
    )
    return ModelExample(
        name=ctx.config.model,
        item=DatasetItem(
            digest=ref.sha256,
            source=f"{visit.visitor}/{visit.begin_us}",
            time_us=visit.begin_us,
            group=visit.visitor,
            label=ROBOT if visit.robotic else HUMAN,
            ref=ref,
        ),
    )
