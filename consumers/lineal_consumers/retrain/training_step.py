"""Trains the challengers of an iteration, each in a worker process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from lineal import Context, Reject
from lineal_consumers.retrain.config import DocumentsModel, ReadingsModel, RetrainConfig
from lineal_consumers.retrain.jobs import Trained, train_documents, train_readings
from lineal_consumers.retrain.provenance import provenance
from lineal_schemas.models import (
    DatasetItem,
    DatasetManifest,
    InputSchema,
    ModelDataset,
    ModelRef,
    ModelTrained,
)
from lineal_schemas.payload import payload_bytes

log = structlog.get_logger(__name__)

ONNX, NPZ, JSON = "application/x-onnx", "application/x-npz", "application/json"
Settings = ReadingsModel | DocumentsModel


def settings_for(name: str, config: RetrainConfig) -> Settings:
    """How a model is trained.

    Raises:
        Reject: no model of this name is configured.
    """
    settings = config.models.get(name)
    if settings is None:
        raise Reject("no model of this name is configured: [stages.retrain.models]")
    return settings


async def files_of(items: tuple[DatasetItem, ...], ctx: Context[RetrainConfig]) -> dict[str, Path]:
    """The files that hold the data of some items, by digest."""
    refs = {item.ref.sha256: item.ref for item in items if item.ref is not None}
    return {digest: await ctx.objects.path(ref, role="data") for digest, ref in refs.items()}


async def challengers(data: ModelDataset, ctx: Context[RetrainConfig]) -> list[ModelTrained]:
    """Train what an iteration asks for; nothing where there is nothing new to learn from.

    Raises:
        Reject: nothing can be learnt from this data.
    """
    ctx.annotate(model=data.name, iteration=data.iteration, case=data.case)
    if data.case not in ("only_train", "both"):
        return []
    settings = settings_for(data.name, ctx.config)
    manifest = await ctx.objects.get(data.manifest, role="dataset")
    dataset = DatasetManifest.model_validate_json(manifest)
    files = await files_of((*dataset.train, *dataset.calibration), ctx)
    seconds = ctx.config.seconds
    log.info("model.training", model=data.name, iteration=data.iteration, items=len(dataset.train))
    if isinstance(settings, DocumentsModel):
        made = [await ctx.run(train_documents, manifest, files, settings, seconds=seconds)]
    else:
        made = await asyncio.gather(
            *(
                ctx.run(train_readings, manifest, files, settings, algorithm, seconds=seconds)
                for algorithm in settings.algorithms
            )
        )
    events = []
    for place, trained in enumerate(made):
        event = await _to_event(data, settings, trained, data.first_version + place, len(made), ctx)
        log.info("model.trained", model=data.name, version=event.model.version,
                 algorithm=trained.algorithm)  # fmt: skip
        await ctx.objects.put(payload_bytes(event), JSON, role="training")
        events.append(event)
    return events


async def _to_event(
    data: ModelDataset,
    settings: Settings,
    trained: Trained,
    version: int,
    challengers: int,
    ctx: Context[RetrainConfig],
) -> ModelTrained:
    is_text = isinstance(settings, DocumentsModel)
    artifact = await ctx.objects.put(trained.data, NPZ if is_text else ONNX, role="model")
    reference = None
    if trained.reference is not None:
        reference = await ctx.objects.put(trained.reference, JSON, role="reference")
    return ModelTrained(
        name=data.name,
        model=ModelRef(name=data.name, version=version, sha256=artifact.sha256),
        iteration=data.iteration,
        algorithm=trained.algorithm,
        artifact=artifact,
        dataset=data.dataset,
        manifest=data.manifest,
        input_schema=None
        if isinstance(settings, DocumentsModel)
        else InputSchema(features=settings.features, length=settings.length, step=settings.step),
        threshold=trained.threshold,
        false_alarm_rate=None
        if isinstance(settings, DocumentsModel)
        else settings.false_alarm_rate,
        parameters=trained.parameters,
        metrics=trained.metrics,
        provenance=provenance(trained, settings),
        challengers=challengers,
        reference=reference,
    )
