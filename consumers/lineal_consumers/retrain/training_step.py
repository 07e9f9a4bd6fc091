"""Trains the challengers of an iteration, each in a worker process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import structlog

from lineal import Context, Reject
from lineal.errors import ObjectMissing
from lineal_consumers.retrain.config import RetrainConfig
from lineal_learning.leaks import check_leaks
from lineal_learning.provenance import provenance
from lineal_learning.registry import learner_of
from lineal_learning.running import Trained, train
from lineal_learning.settings import LearnerSettings
from lineal_schemas.models import (
    DatasetItem,
    DatasetManifest,
    ModelDataset,
    ModelRef,
    ModelTrained,
    SettingValue,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import payload_bytes

log = structlog.get_logger(__name__)

JSON = "application/json"


def settings_for(
    name: str, config: RetrainConfig, values: Mapping[str, SettingValue] | None = None
) -> LearnerSettings:
    """How a model is trained.

    Args:
        values: settings in the place of the configured ones.

    Raises:
        Reject: no model of this name is configured, or the values are no settings of it.
    """
    settings = config.models.get(name)
    if settings is None:
        raise Reject("no model of this name is configured: [stages.retrain.models]")
    try:
        return settings.changed(values) if values else settings
    except ValueError as error:
        raise Reject(f"these are no settings of {name}: {error}") from error


async def files_of(items: tuple[DatasetItem, ...], ctx: Context[RetrainConfig]) -> dict[str, Path]:
    """The files that hold the data of some items, by digest; those that were erased are not
    there."""
    refs = {item.ref.sha256: item.ref for item in items if item.ref is not None}
    files = {}
    for digest, ref in refs.items():
        with contextlib.suppress(ObjectMissing):
            files[digest] = await ctx.objects.path(ref, role="data")
    return files


def has_file(item: DatasetItem, files: Mapping[str, Path]) -> bool:
    """Whether an item's data is there."""
    return item.ref is None or item.ref.sha256 in files


async def challengers(data: ModelDataset, ctx: Context[RetrainConfig]) -> list[ModelTrained]:
    """Train what an iteration asks for; nothing where there is nothing new to learn from.

    Raises:
        LeakFound: the dataset would have a model evaluated on what it has learnt from.
        Reject: nothing can be learnt from this data.
    """
    ctx.annotate(model=data.name, iteration=data.iteration, case=data.case)
    if data.case not in ("only_train", "both"):
        return []
    settings = settings_for(data.name, ctx.config, data.settings)
    manifest = await ctx.objects.get(data.manifest, role="dataset")
    dataset = DatasetManifest.model_validate_json(manifest)
    check_leaks(dataset)
    files = await files_of((*dataset.train, *dataset.calibration), ctx)
    if not all(has_file(item, files) for item in (*dataset.train, *dataset.calibration)):
        raise Reject("something in the dataset was erased meanwhile: ask for another iteration")
    seconds = ctx.config.seconds
    log.info("model.training", model=data.name, iteration=data.iteration, items=len(dataset.train))
    made = await asyncio.gather(
        *(
            ctx.run(train, manifest, files, settings, algorithm, seconds=seconds)
            for algorithm in learner_of(settings.kind).algorithms(settings)
        )
    )
    kept = await ctx.objects.put(settings.model_dump_json().encode(), JSON, role="settings")
    events = []
    for place, trained in enumerate(made):
        event = await _to_event(
            data, settings, trained, data.first_version + place, len(made), kept, ctx
        )
        log.info("model.trained", model=data.name, version=event.model.version,
                 algorithm=trained.algorithm)  # fmt: skip
        await ctx.objects.put(payload_bytes(event), JSON, role="training")
        events.append(event)
    return events


async def _to_event(
    data: ModelDataset,
    settings: LearnerSettings,
    trained: Trained,
    version: int,
    challengers: int,
    kept_settings: ObjectRef,
    ctx: Context[RetrainConfig],
) -> ModelTrained:
    learner = learner_of(settings.kind)
    artifact = await ctx.objects.put(trained.data, learner.media_type, role="model")
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
        input_schema=learner.features(settings),
        threshold=trained.threshold,
        false_alarm_rate=learner.false_alarm_rate(settings),
        parameters=trained.parameters,
        metrics=trained.metrics,
        provenance=provenance(trained, settings),
        challengers=challengers,
        reference=reference,
        settings=kept_settings,
    )
