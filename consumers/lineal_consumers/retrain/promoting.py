"""Whether what passed goes into use, and what is in use."""

from __future__ import annotations

import orjson

from lineal.stages import Context
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.training_step import settings_for
from lineal_schemas.models import ModelEvaluated, ModelPromoted, ModelRef, ModelRolledBack


async def remember_change(
    change: ModelPromoted | ModelRolledBack, ctx: Context[RetrainConfig]
) -> None:
    """Take note of a change of the model in use, by whomever; they come over two topics."""
    key = f"in_use/{change.name}"
    kept = await ctx.state.get(key)
    if kept is None or orjson.loads(kept)["counter"] < change.counter:
        await ctx.state.put(key, _kept(change.counter, change.model))


async def promotion(
    evaluated: ModelEvaluated, event_id: str, ctx: Context[RetrainConfig]
) -> ModelPromoted | None:
    """The promotion that follows from an evaluation; None where none does."""
    if evaluated.asked_by is not None:
        ctx.note(model=evaluated.name, promoted="only judged")
        return None
    settings = settings_for(evaluated.name, ctx.config)
    if not evaluated.passed or evaluated.artifact is None:
        failed = [gate.name for gate in evaluated.gates if not gate.passed]
        ctx.note(model=evaluated.name, promoted="no", failed=", ".join(failed))
        return None
    if settings.promotion == "hand":
        ctx.note(model=evaluated.name, promoted="waits")
        return None
    key = f"in_use/{evaluated.name}"
    kept = await ctx.state.get(key)
    known = None if kept is None else orjson.loads(kept)
    previous = None if known is None else ModelRef(**known["model"])
    if previous != evaluated.champion:
        # It was compared with a model that is not in use any more: that says nothing.
        ctx.note(model=evaluated.name, promoted="outdated")
        return None
    counter = 1 if known is None else known["counter"] + 1
    await ctx.state.put(key, _kept(counter, evaluated.model))
    return ModelPromoted(
        name=evaluated.name,
        model=evaluated.model,
        previous=previous,
        how="gates",
        by="stage:retrain.promote",
        evaluation=event_id,
        counter=counter,
        artifact=evaluated.artifact,
    )


def _kept(counter: int, model: ModelRef) -> bytes:
    return orjson.dumps({"counter": counter, "model": model.model_dump()})
