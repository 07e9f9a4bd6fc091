"""Evaluates champion and challengers on the same frozen data."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from lineal import Context
from lineal.artifact_in_use import ArtifactInUse
from lineal.store.objects import reference
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.training_step import JSON, files_of, has_file, settings_for
from lineal_learning.gates import check_gates
from lineal_learning.golden import MEDIA_TYPE
from lineal_learning.registry import learner_of
from lineal_learning.running import evaluate, golden_of
from lineal_learning.settings import LearnerSettings
from lineal_schemas.models import (
    DatasetManifest,
    EvaluationTarget,
    Metrics,
    ModelDataset,
    ModelEvaluated,
    ModelRef,
    ModelTrained,
)
from lineal_schemas.objects import ObjectRef, Sha256
from lineal_schemas.payload import payload_bytes


async def newly_trained(trained: ModelTrained, ctx: Context[RetrainConfig]) -> list[ModelTrained]:
    """The challengers of an iteration when this is the last of them; until then none."""
    key = f"challengers/{trained.name}"
    kept = await _challengers(key, ctx)
    kept = [item for item in kept if item.iteration == trained.iteration]
    kept = [item for item in kept if item.model.version != trained.model.version]
    kept = sorted([*kept, trained], key=lambda item: item.model.version)
    joined = b"\n".join(payload_bytes(item) for item in kept)
    await ctx.state.put(key, joined)
    return kept if len(kept) >= trained.challengers else []


async def trained_before(dataset: ModelDataset, ctx: Context[RetrainConfig]) -> list[ModelTrained]:
    """The challengers of the iteration before, to be evaluated on a dataset that brings nothing
    but test data; none where it brings more."""
    if dataset.case != "only_test":
        return []
    return await _challengers(f"challengers/{dataset.name}", ctx)


async def _challengers(key: str, ctx: Context[RetrainConfig]) -> list[ModelTrained]:
    kept = await ctx.state.get(key, bytes)
    return [ModelTrained.model_validate_json(line) for line in (kept or b"").splitlines()]


async def evaluate_models(
    trained: Sequence[ModelTrained | EvaluationTarget],
    name: str,
    dataset: Sha256,
    manifest: ObjectRef,
    ctx: Context[RetrainConfig],
    requested_by: str | None = None,
) -> list[ModelEvaluated]:
    """Evaluate challengers and the model in use; of several challengers at most the best passes.

    Args:
        requested_by: id of the event that requested only this evaluation.
    """
    settings = settings_for(name, ctx.config)
    text = await ctx.objects.get(manifest, role="dataset")
    held = DatasetManifest.model_validate_json(text)
    read = (*held.train, *held.test) if learner_of(settings.kind).leaves_one_out else held.test
    files = await files_of(read, ctx)
    left = tuple(item for item in held.test if has_file(item, files))
    if len(left) < len(held.test):
        ctx.annotate(erased=len(held.test) - len(left))
        text = held.model_copy(update={"test": left}).model_dump_json().encode()
    in_use = await ctx.artifact(name)
    # The champion may be one of them, when it is evaluated again on new test data.
    metrics = await asyncio.gather(
        *(_metrics(item.artifact, text, files, settings, ctx) for item in trained)
    )
    golden = await asyncio.gather(
        *(_golden(item.artifact, text, files, settings, ctx) for item in trained)
    )
    champion = None
    if in_use is not None:
        champion = await _metrics(_file(in_use), text, files, settings, ctx)
    ctx.annotate(model=name, iteration=trained[-1].iteration)
    rules = learner_of(settings.kind).gates(settings)
    rules = rules.model_copy(update={"rules": (*rules.rules, *settings.gates)})
    events = []
    for place, item in enumerate(trained):
        others = [m for other, m in enumerate(metrics) if other != place]
        is_champion = in_use is not None and item.model.sha256 == in_use.sha256
        gates = check_gates(rules, metrics[place], champion, others)
        event = ModelEvaluated(
            name=name,
            model=item.model,
            champion=None if in_use is None else _ref(in_use),
            iteration=item.iteration,
            dataset=dataset,
            metrics=metrics[place],
            champion_metrics=champion or {},
            gates=gates,
            passed=not is_champion and all(gate.passed for gate in gates),
            artifact=item.artifact,
            requested_by=requested_by,
            golden=golden[place],
        )
        await ctx.objects.put(payload_bytes(event), JSON, role="evaluation")
        events.append(event)
    return events


async def _metrics(
    artifact: ObjectRef,
    manifest: bytes,
    files: dict[str, Path],
    settings: LearnerSettings,
    ctx: Context[RetrainConfig],
) -> Metrics:
    model = await ctx.objects.path(artifact, role="model")
    return await ctx.run(evaluate, model, manifest, files, settings, seconds=ctx.config.seconds)


async def _golden(
    artifact: ObjectRef,
    manifest: bytes,
    files: dict[str, Path],
    settings: LearnerSettings,
    ctx: Context[RetrainConfig],
) -> ObjectRef | None:
    """What a server has this model answer before it serves it."""
    if not learner_of(settings.kind).is_served:
        return None
    model = await ctx.objects.path(artifact, role="model")
    made = await ctx.run(golden_of, model, manifest, files, settings, seconds=ctx.config.seconds)
    if made is None:
        return None
    return await ctx.objects.put(made, MEDIA_TYPE, role="golden")


def _file(in_use: ArtifactInUse) -> ObjectRef:
    return reference(in_use.sha256, in_use.bytes, in_use.media_type)


def _ref(in_use: ArtifactInUse) -> ModelRef:
    return ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256)
