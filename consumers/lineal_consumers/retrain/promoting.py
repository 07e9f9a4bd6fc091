"""Whether what passed goes into use, and what is in use."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from lineal import Context
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.training_step import settings_for
from lineal_schemas.models import ModelEvaluated, ModelPromoted, ModelRef, ModelRolledBack


class _InUse(BaseModel):
    """The model in use, and the count of changes that made it so."""

    model_config = ConfigDict(frozen=True)

    counter: int
    model: ModelRef


async def remember_change(
    change: ModelPromoted | ModelRolledBack, ctx: Context[RetrainConfig]
) -> None:
    """Take note of a change of the model in use, by whomever; they come over two topics."""
    key = f"in_use/{change.name}"
    known = await ctx.state.get(key, _InUse)
    if known is None or known.counter <= change.counter:
        await ctx.state.put(key, _InUse(counter=change.counter, model=change.model))


async def promotion(evaluated: ModelEvaluated, ctx: Context[RetrainConfig]) -> ModelPromoted | None:
    """The promotion that follows from an evaluation; None where none does."""
    if evaluated.requested_by is not None:
        ctx.annotate(model=evaluated.name, promoted="only evaluated")
        return None
    settings = settings_for(evaluated.name, ctx.config)
    if not evaluated.passed or evaluated.artifact is None:
        failed = [gate.name for gate in evaluated.gates if not gate.passed]
        ctx.annotate(model=evaluated.name, promoted="no", failed=", ".join(failed))
        return None
    if settings.promotion == "manual":
        ctx.annotate(model=evaluated.name, promoted="waits")
        return None
    key = f"in_use/{evaluated.name}"
    known = await ctx.state.get(key, _InUse)
    previous = None if known is None else known.model
    if previous != evaluated.champion:
        # It was compared with a model that is not in use any more: that says nothing.
        ctx.annotate(model=evaluated.name, promoted="outdated")
        return None
    counter = 1 if known is None else known.counter + 1
    await ctx.state.put(key, _InUse(counter=counter, model=evaluated.model))
    return ModelPromoted(
        name=evaluated.name,
        model=evaluated.model,
        previous=previous,
        how="gates",
        by="stage:retrain.promote",
        evaluation=ctx.event.id,
        counter=counter,
        artifact=evaluated.artifact,
    )
