"""Starts an iteration: keeps track of new data and makes its dataset."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from lineal import Context, Reject
from lineal_consumers.retrain.config import DocumentsModel, RetrainConfig
from lineal_consumers.retrain.dataset import (
    Anomaly,
    documents_dataset,
    readings_dataset,
)
from lineal_consumers.retrain.flywheel import case_of
from lineal_schemas.anomalies import AnomalyClosed, AnomalyEvent
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import (
    DatasetManifest,
    EvaluationTarget,
    ModelDataset,
    ModelTrainingRequested,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TelemetryCollected

_BLOCKS = "block/"
_ANOMALIES = "anomaly/"
_LABELS = "label/"
_MAX_ANOMALIES = 256
_JSON = "application/json"


class _Waits(NamedTuple):
    """How often an iteration was postponed for lack of data, and since when there is a drift."""

    times: int
    drifted_us: int


async def remember(
    data: TelemetryCollected | DocumentLabelled | AnomalyEvent, ctx: Context[RetrainConfig]
) -> None:
    """Take note of something to learn from, or not to learn from; bounded per device."""
    if isinstance(data, TelemetryCollected):
        slot = data.number % ctx.config.blocks_per_device
        await ctx.state.put(f"{_BLOCKS}{data.device}/{slot:06}", payload_bytes(data))
    elif isinstance(data, DocumentLabelled):
        await ctx.state.put(f"{_LABELS}{data.document_id}", payload_bytes(data))
    else:
        await _remember_anomaly(data, ctx)


async def _remember_anomaly(data: AnomalyEvent, ctx: Context[RetrainConfig]) -> None:
    prefix = f"{_ANOMALIES}{data.device}/"
    key = f"{prefix}{data.anomaly_id}"
    kept = await ctx.state.get(key, bytes)
    known = None if kept is None else Anomaly(*orjson.loads(kept)[:5])
    # Opened, updated and closed come over three topics, between which no order is kept.
    last = data.last_seq if known is None else max(known.last_seq, data.last_seq)
    is_open = not isinstance(data, AnomalyClosed) and (known is None or known.is_open)
    found = Anomaly(data.anomaly_id, data.boot_id, data.first_seq, last, is_open)
    await ctx.state.put(key, orjson.dumps([*found, data.wall_us]))
    if known is None:
        await _forget_oldest(prefix, ctx)


async def _forget_oldest(prefix: str, ctx: Context[RetrainConfig]) -> None:
    kept = await ctx.state.items(prefix, bytes)
    if len(kept) > _MAX_ANOMALIES:
        key, _ = min(kept, key=lambda pair: orjson.loads(pair[1])[5])
        await ctx.state.delete(key)


async def iterate(
    cause: DriftDetected | ModelTrainingRequested,
    ctx: Context[RetrainConfig],
) -> ModelDataset | None:
    """Fix the dataset of the next iteration; None where there was never anything to learn from.

    Raises:
        Reject: no model of this name is configured, or one is to be evaluated without there being
            any data yet.
    """
    settings = ctx.config.models.get(cause.name)
    if settings is None:
        raise Reject("no model of this name is configured: [stages.retrain.models]")
    key = f"iteration/{cause.name}"
    kept = await ctx.state.get(key, bytes)
    if isinstance(cause, ModelTrainingRequested) and cause.evaluate is not None:
        return await _evaluation_dataset(cause.name, cause.evaluate, kept, ctx)
    before: dict[str, Any] = orjson.loads(kept) if kept else {"iteration": 0, "versions": 0}
    previous = None
    if "manifest" in before:
        data = await ctx.objects.get(ObjectRef(**before["manifest"]), role="previous_dataset")
        previous = DatasetManifest.model_validate_json(data)
    drifted_us = await _drifted_since(cause, ctx)
    if isinstance(settings, DocumentsModel):
        labels = [orjson.loads(value) for _, value in await ctx.state.items(_LABELS, bytes)]
        dataset = documents_dataset(cause.name, settings, labels, previous)
        least = settings.min_new_documents
    else:
        blocks = [orjson.loads(value) for _, value in await ctx.state.items(_BLOCKS, bytes)]
        blocks = [block for block in blocks if _of_devices(block["device"], settings.devices)]
        anomalies: dict[str, list[Anomaly]] = {}
        for name, value in await ctx.state.items(_ANOMALIES, bytes):
            device = name.removeprefix(_ANOMALIES).partition("/")[0]
            anomalies.setdefault(device, []).append(Anomaly(*orjson.loads(value)[:5]))
        dataset = readings_dataset(
            cause.name, settings, blocks, anomalies, previous, drifted_us=drifted_us
        )
        least = settings.min_new_readings
    enough = dataset.new_rows >= least
    case = case_of(
        new_train=enough and dataset.new_train > 0, new_test=enough and dataset.new_test > 0
    )
    ctx.annotate(model=cause.name, case=case, new=dataset.new_rows)
    await _wait(cause, ctx, drifted_us, wait=case == "nothing_new")
    held = dataset.manifest
    if case == "nothing_new":
        if previous is None:
            return None
        held, manifest = previous, ObjectRef(**before["manifest"])
    else:
        data = held.model_dump_json().encode()
        manifest = await ctx.objects.put(data, _JSON, role="dataset")
    trained = _challengers(settings) if case in ("only_train", "both") else 0
    after = {
        "iteration": before["iteration"] + 1,
        "versions": before["versions"] + trained,
        "manifest": manifest.model_dump(),
    }
    await ctx.state.put(key, orjson.dumps(after))
    return ModelDataset(
        name=cause.name,
        iteration=after["iteration"],
        first_version=before["versions"] + 1,
        cause=ctx.event.id,
        dataset=manifest.sha256,
        kind="documents" if isinstance(settings, DocumentsModel) else "readings",
        manifest=manifest,
        previous=before.get("manifest", {}).get("sha256"),
        case=case,
        train_items=len(held.train) + len(held.calibration),
        test_items=len(held.test),
        quarantined_items=len(held.quarantined),
    )


async def _evaluation_dataset(
    name: str, target: EvaluationTarget, kept: bytes | None, ctx: Context[RetrainConfig]
) -> ModelDataset:
    """The dataset there is, for a model to be evaluated on; what is remembered stays as it is."""
    if kept is None:
        raise Reject(
            f"there is no test data of {name} to evaluate on: `lineal model train {name}` "
            "makes the first dataset"
        )
    current = orjson.loads(kept)
    manifest = ObjectRef(**current["manifest"])
    held = DatasetManifest.model_validate_json(await ctx.objects.get(manifest, role="dataset"))
    ctx.annotate(model=name, evaluated=target.model.version)
    return ModelDataset(
        name=name,
        iteration=current["iteration"],
        first_version=current["versions"] + 1,
        cause=ctx.event.id,
        dataset=manifest.sha256,
        kind=held.kind,
        manifest=manifest,
        case="only_test",
        train_items=len(held.train) + len(held.calibration),
        test_items=len(held.test),
        quarantined_items=len(held.quarantined),
        evaluate=target,
    )


def _challengers(settings: Any) -> int:
    return 1 if isinstance(settings, DocumentsModel) else len(settings.algorithms)


def _of_devices(device: str, patterns: tuple[str, ...]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(device, pattern) for pattern in patterns)


async def _drifted_since(
    cause: DriftDetected | ModelTrainingRequested, ctx: Context[RetrainConfig]
) -> int | None:
    """Since when the readings have drifted, if the iteration was requested because of that."""
    if isinstance(cause, DriftDetected):
        return cause.from_us
    if cause.cause != "drift":
        return None
    kept = await ctx.state.get(f"waits/{cause.name}", _Waits)
    return 0 if kept is None else kept.drifted_us


async def _wait(
    cause: DriftDetected | ModelTrainingRequested,
    ctx: Context[RetrainConfig],
    drifted_us: int | None,
    *,
    wait: bool,
) -> None:
    """Try again later where a drift was found before there is enough to learn from it."""
    key, timer = f"waits/{cause.name}", f"again/{cause.name}"
    waits = 0
    if isinstance(cause, ModelTrainingRequested):
        kept = await ctx.state.get(key, _Waits)
        waits = 0 if kept is None else kept.times
    if not wait or drifted_us is None or waits >= ctx.config.max_waits:
        await ctx.state.delete(key)
        ctx.timers.cancel(timer)
        return
    await ctx.state.put(key, _Waits(waits + 1, drifted_us))
    origin = cause.cause_event if isinstance(cause, ModelTrainingRequested) else ctx.event.id
    due = ctx.event.time + int(ctx.config.wait_seconds * 1e6)
    again = ModelTrainingRequested(
        name=cause.name, cause="drift", cause_event=origin, requested_us=due
    )
    ctx.timers.set(timer, due, again)
