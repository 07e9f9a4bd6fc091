"""The flywheel's stages: a dataset, challengers trained on it, judged with the champion, promoted.

They are keyed by the model's name and each leaves a record of its own kind, so what went into use,
on whose word, on what data, can be told years later.
"""

from __future__ import annotations

from lineal.stages import Context, stage
from lineal_catalog.models.promotions import promotion_facts
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.evaluating import judged, newly_trained
from lineal_consumers.retrain.iterating import iterate, remember
from lineal_consumers.retrain.promoting import promotion, remember_change
from lineal_consumers.retrain.training_step import challengers
from lineal_schemas.anomalies import AnomalyClosed, AnomalyEvent, AnomalyOpened, AnomalyUpdated
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.drift import DriftDetected
from lineal_schemas.envelope import Event
from lineal_schemas.models import (
    ModelDataset,
    ModelEvaluated,
    ModelEvent,
    ModelPromoted,
    ModelRolledBack,
    ModelTrained,
    ModelTrainingRequested,
)
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import TelemetryCollected


@stage(
    "retrain",
    version="1",
    consumes=(
        DriftDetected,
        ModelTrainingRequested,
        TelemetryCollected,
        DocumentLabelled,
        AnomalyOpened,
        AnomalyUpdated,
        AnomalyClosed,
    ),
    produces=ModelDataset,
    config=RetrainConfig,
    memo=False,
)
async def retrain(event: Event[Payload], ctx: Context[RetrainConfig]) -> ModelDataset | None:
    """Remember what there is to learn from; when a drift or a person asks, fix a dataset, or name
    the one there is for a model to be judged on."""
    data = event.data
    if isinstance(data, TelemetryCollected | DocumentLabelled | AnomalyEvent):
        await remember(data, ctx)
        return None
    assert isinstance(data, DriftDetected | ModelTrainingRequested)
    return await iterate(data, event.id, event.time, ctx)


@stage(
    "retrain.train",
    version="1",
    consumes=ModelDataset,
    produces=ModelTrained,
    config=RetrainConfig,
    section="retrain",
)
async def train(event: Event[ModelDataset], ctx: Context[RetrainConfig]) -> list[ModelTrained]:
    """Train the challengers of an iteration. The same dataset yields the same models: one that did
    not would raise the memo's alarm."""
    if event.data.case in ("only_train", "both"):
        ctx.record_as("train")
    return await challengers(event.data, ctx)


@stage(
    "retrain.evaluate",
    version="1",
    consumes=(ModelTrained, ModelDataset),
    produces=ModelEvaluated,
    config=RetrainConfig,
    section="retrain",
    memo=False,
)
async def evaluate(event: Event[ModelEvent], ctx: Context[RetrainConfig]) -> list[ModelEvaluated]:
    """Judge champion and challengers on the same frozen data: when the last challenger is trained,
    when there is only new test data, or when somebody asks for it."""
    data = event.data
    if isinstance(data, ModelDataset) and data.judge is not None:
        # The challengers of the last iteration are not touched: new test data is for them.
        ctx.record_as("evaluate")
        asked_by = data.cause or event.id
        return await judged(
            [data.judge], data.name, data.dataset, data.manifest, ctx, asked_by=asked_by
        )
    if isinstance(data, ModelTrained):
        trained = await newly_trained(data, ctx)
        dataset, manifest = data.dataset, data.manifest
    else:
        assert isinstance(data, ModelDataset)
        trained = await newly_trained(None, ctx, data)
        dataset, manifest = data.dataset, data.manifest
    if not trained:
        return []
    ctx.record_as("evaluate")
    return await judged(trained, data.name, dataset, manifest, ctx)


@stage(
    "retrain.promote",
    version="1",
    consumes=(ModelEvaluated, ModelPromoted, ModelRolledBack),
    produces=ModelPromoted,
    config=RetrainConfig,
    section="retrain",
    memo=False,
)
async def promote(event: Event[ModelEvent], ctx: Context[RetrainConfig]) -> ModelPromoted | None:
    """Put a model into use that passed all gates, unless that is left to people."""
    data = event.data
    if isinstance(data, ModelPromoted | ModelRolledBack):
        await remember_change(data, ctx)
        return None
    assert isinstance(data, ModelEvaluated)
    promoted = await promotion(data, event.id, ctx)
    if promoted is not None:
        ctx.record_as("promote")
        ctx.note(
            **promotion_facts(promoted.name, promoted.model.version, promoted.counter, promoted.how)
        )
        ctx.objects.mention(promoted.artifact, "model")
    return promoted
