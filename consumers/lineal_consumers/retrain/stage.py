"""The stages of the flywheel: dataset, training, evaluation, promotion.

They are keyed by the model's name and each leaves a record of its own kind, so it can be shown
years later which model was promoted, by whom, and on what data.
"""

from __future__ import annotations

from lineal import Context, stage
from lineal_catalog.models.promotions import promotion_attributes
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.evaluating import evaluate_models, newly_trained, trained_before
from lineal_consumers.retrain.iterating import iterate, remember
from lineal_consumers.retrain.promoting import promotion
from lineal_consumers.retrain.training_step import challengers
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, AnomalyUpdated, MachineMarked
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import (
    ModelDataset,
    ModelEvaluated,
    ModelExample,
    ModelPromoted,
    ModelTrained,
    ModelTrainingRequested,
)
from lineal_schemas.reviews import AnomalyReviewed
from lineal_schemas.sweeps import SweepBest
from lineal_schemas.telemetry import TelemetryCollected


@stage("retrain", version="1", produces=ModelDataset, memo=False)
async def retrain(
    cause: DriftDetected | ModelTrainingRequested, ctx: Context[RetrainConfig]
) -> ModelDataset | None:
    """When a drift or a person asks, fix a dataset, or name the one there is for a model to be
    evaluated on."""
    return await iterate(cause, ctx)


@retrain.on
async def learn_swept(best: SweepBest, ctx: Context[RetrainConfig]) -> ModelDataset | None:
    """Have a model learn with the settings that did best in a sweep."""
    if not best.begins_iteration:
        ctx.skip("nobody asked for a model with these settings")
    request = ModelTrainingRequested(
        name=best.name,
        cause="manual",
        cause_event=ctx.event.id,
        requested_us=ctx.now(),
        settings=best.values,
    )
    return await iterate(request, ctx)


@retrain.on
async def learn(
    material: TelemetryCollected
    | DocumentLabelled
    | ModelExample
    | AnomalyOpened
    | AnomalyUpdated
    | AnomalyClosed
    | AnomalyReviewed
    | MachineMarked,
    ctx: Context[RetrainConfig],
) -> None:
    """Remember what there is to learn from."""
    await remember(material, ctx)


@stage("retrain.train", version="1", produces=ModelTrained, section="retrain")
async def train(dataset: ModelDataset, ctx: Context[RetrainConfig]) -> list[ModelTrained]:
    """Train the challengers of an iteration. The same dataset yields the same models: one that did
    not would raise the memo's alarm."""
    if dataset.case in ("only_train", "both"):
        ctx.record_kind = "train"
    return await challengers(dataset, ctx)


@stage("retrain.evaluate", version="1", produces=ModelEvaluated, section="retrain", memo=False)
async def evaluate(trained: ModelTrained, ctx: Context[RetrainConfig]) -> list[ModelEvaluated]:
    """Evaluate champion and challengers on the same frozen data, when the last challenger is
    trained."""
    models = await newly_trained(trained, ctx)
    if not models:
        return []
    ctx.record_kind = "evaluate"
    return await evaluate_models(models, trained.name, trained.dataset, trained.manifest, ctx)


@evaluate.on
async def evaluate_again(data: ModelDataset, ctx: Context[RetrainConfig]) -> list[ModelEvaluated]:
    """Evaluate where there is only new test data, or on request."""
    if data.evaluate is not None:
        # The challengers of the last iteration are not touched: new test data is for them.
        ctx.record_kind = "evaluate"
        requested_by = data.cause or ctx.event.id
        return await evaluate_models(
            [data.evaluate], data.name, data.dataset, data.manifest, ctx, requested_by=requested_by
        )
    models = await trained_before(data, ctx)
    if not models:
        return []
    ctx.record_kind = "evaluate"
    return await evaluate_models(models, data.name, data.dataset, data.manifest, ctx)


@stage("retrain.promote", version="1", produces=ModelPromoted, section="retrain", memo=False)
async def promote(evaluated: ModelEvaluated, ctx: Context[RetrainConfig]) -> ModelPromoted | None:
    """Put a model into use that passed all gates, unless that is left to people."""
    promoted = await promotion(evaluated, ctx)
    if promoted is not None:
        ctx.record_kind = "promote"
        ctx.annotate(
            **promotion_attributes(
                promoted.name, promoted.model.version, promoted.counter, promoted.how
            )
        )
        ctx.objects.add_input(promoted.artifact, "model")
    return promoted
