"""Whether what passed goes into use."""

from __future__ import annotations

from functools import partial

from lineal import Context
from lineal_catalog.models.changes import ModelChange, change_before
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.training_step import settings_for
from lineal_schemas.models import ModelEvaluated, ModelPromoted


async def promotion(evaluated: ModelEvaluated, ctx: Context[RetrainConfig]) -> ModelPromoted | None:
    """The promotion that follows from an evaluation; None where none does."""
    name = evaluated.name
    if evaluated.requested_by is not None:
        ctx.annotate(model=name, promoted="only evaluated")
        return None
    settings = settings_for(name, ctx.config)
    if not evaluated.passed or evaluated.artifact is None:
        failed = [gate.name for gate in evaluated.gates if not gate.passed]
        ctx.annotate(model=name, promoted="no", failed=", ".join(failed))
        return None
    if settings.promotion == "manual":
        ctx.annotate(model=name, promoted="waits")
        return None
    now, evaluation = ctx.now(), ctx.event.id
    last = await ctx.query(partial(change_before, name=name, event_id=evaluation, now=now))
    if last.model != evaluated.champion:
        # It was compared with a model that is not in use any more: that says nothing.
        ctx.annotate(model=name, promoted="outdated")
        return None
    counter, model = last.counter + 1, evaluated.model
    ctx.add_effect(ModelChange(name, counter, evaluation, model.version, model.sha256, now))
    return ModelPromoted(
        name=name,
        model=model,
        previous=last.model,
        how="gates",
        by="stage:retrain.promote",
        evaluation=evaluation,
        counter=counter,
        artifact=evaluated.artifact,
    )
