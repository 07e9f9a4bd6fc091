"""Starts an iteration: keeps track of new data and makes its dataset."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import orjson

from lineal import Context, Reject
from lineal_consumers.retrain.config import ReadingsModel, RetrainConfig
from lineal_consumers.retrain.dataset import Anomaly
from lineal_consumers.retrain.flywheel import case_of
from lineal_consumers.retrain.training_step import files_of, settings_for
from lineal_learning.leaks import check_leaks
from lineal_learning.learner import Material
from lineal_learning.registry import learner_of
from lineal_learning.running import fingerprints
from lineal_learning.settings import LearnerSettings
from lineal_learning.splits import Candidate, dataset_of
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyEvent,
    AnomalyOpened,
    AnomalyUpdated,
    MachineMarked,
)
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.drift import DriftDetected
from lineal_schemas.models import (
    DatasetManifest,
    EvaluationTarget,
    ModelDataset,
    ModelExample,
    ModelTrainingRequested,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import payload_bytes
from lineal_schemas.reviews import AnomalyReviewed
from lineal_schemas.telemetry import TelemetryCollected

_BLOCKS = "block/"
_ANOMALIES = "anomaly/"
_NORMAL = "normal/"
_MARKS = "mark/"
_LABELS = "label/"
_EXAMPLES = "example/"
_MAX_ANOMALIES = 256
_MAX_IN_VAIN = 12
"""Iterations that nobody asked for, while none has made a model that is used."""
_SECOND_US = 1_000_000
_JSON = "application/json"


class _Waits(NamedTuple):
    """How often an iteration was postponed for lack of data, and since when there is a drift."""

    times: int
    drifted_us: int


async def remember(
    data: TelemetryCollected
    | DocumentLabelled
    | ModelExample
    | AnomalyEvent
    | AnomalyReviewed
    | MachineMarked,
    ctx: Context[RetrainConfig],
) -> None:
    """Take note of something to learn from, or not to learn from; bounded per device."""
    if isinstance(data, TelemetryCollected):
        slot = data.number % ctx.config.blocks_per_device
        await ctx.state.put(f"{_BLOCKS}{data.device}/{slot:06}", payload_bytes(data))
        await _ask_by_itself(data.device, ctx)
    elif isinstance(data, DocumentLabelled):
        if data.withdrawn:
            await ctx.state.delete(f"{_LABELS}{data.document_id}")
        else:
            await ctx.state.put(f"{_LABELS}{data.document_id}", payload_bytes(data))
    elif isinstance(data, ModelExample):
        await ctx.state.put(f"{_EXAMPLES}{data.name}/{data.item.source}", payload_bytes(data))
    elif isinstance(data, AnomalyReviewed):
        await _remember_verdict(data, ctx)
    elif isinstance(data, MachineMarked):
        key = f"{_MARKS}{data.device}/{data.mark}"
        if data.withdrawn:
            await ctx.state.delete(key)
        else:
            await ctx.state.put(key, payload_bytes(data))
    else:
        await _remember_anomaly(data, ctx)


async def _ask_by_itself(device: str, ctx: Context[RetrainConfig]) -> None:
    """Have the first iterations of a machine's model begin when there is enough to learn from; that
    is found out by trying, which costs nothing where there is not."""
    for name, settings in ctx.config.models.items():
        if not isinstance(settings, ReadingsModel) or not settings.automatic_iterations:
            continue
        if not any(fnmatchcase(device, pattern) for pattern in settings.devices):
            continue
        kept = await ctx.state.get(f"iteration/{name}", bytes)
        done = 0 if kept is None else orjson.loads(kept)["iteration"]
        # with no model in use nobody watches the machine: then more are made, of more readings
        if done < settings.automatic_iterations or (
            done < _MAX_IN_VAIN and await ctx.artifact(name) is None
        ):
            request = ModelTrainingRequested(
                name=name, cause="schedule", cause_event=ctx.event.id, requested_us=ctx.now()
            )
            ctx.timers.set(f"grown/{name}", ctx.now(), request)


def _asked_by_itself(cause: DriftDetected | ModelTrainingRequested, settings: object) -> bool:
    """Whether readings that have come asked, and neither a person nor a drift."""
    return (
        isinstance(settings, ReadingsModel)
        and isinstance(cause, ModelTrainingRequested)
        and cause.cause == "schedule"
    )


async def _remember_verdict(data: AnomalyReviewed, ctx: Context[RetrainConfig]) -> None:
    """What a person has found to be normal is learnt from like everything that is."""
    key = f"{_NORMAL}{data.device}/{data.anomaly_id}"
    if data.verdict == "normal":
        await ctx.state.put(key, b"1")
    else:
        await ctx.state.delete(key)


async def _remember_anomaly(data: AnomalyEvent, ctx: Context[RetrainConfig]) -> None:
    prefix = f"{_ANOMALIES}{data.device}/"
    key = f"{prefix}{data.anomaly_id}"
    kept = await ctx.state.get(key, bytes)
    known = None if kept is None else Anomaly(*orjson.loads(kept)[:5])
    # Opened, updated and closed come over three topics, between which no order is kept.
    last = data.last_seq if known is None else max(known.last_seq, data.last_seq)
    is_open = not isinstance(data, AnomalyClosed) and (known is None or known.is_open)
    found = Anomaly(data.anomaly_id, data.boot_id, data.first_seq, last, is_open)
    before = orjson.loads(kept)[6:] if kept is not None else []
    begin_us, shares = before if before else (data.wall_us, {})
    if isinstance(data, AnomalyUpdated) or (isinstance(data, AnomalyOpened) and not shares):
        shares = {item.feature: item.share for item in data.contributions}
    begin_us = min(begin_us, data.wall_us)
    await ctx.state.put(key, orjson.dumps([*found, data.wall_us, begin_us, shares]))
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
    values = cause.settings if isinstance(cause, ModelTrainingRequested) else {}
    settings = settings_for(cause.name, ctx.config, values)
    key = f"iteration/{cause.name}"
    kept = await ctx.state.get(key, bytes)
    if isinstance(cause, ModelTrainingRequested) and cause.evaluate is not None:
        return await _evaluation_dataset(cause.name, cause.evaluate, kept, ctx)
    before: dict[str, Any] = orjson.loads(kept) if kept else {"iteration": 0, "versions": 0}
    previous = None
    if "manifest" in before:
        data = await ctx.objects.get(ObjectRef(**before["manifest"]), role="previous_dataset")
        previous = DatasetManifest.model_validate_json(data)
    if await _awaits_examples(cause, ctx):
        return None
    drifted_us = await _drifted_since(cause, ctx)
    learner = learner_of(settings.kind)
    material = Material(await _remembered(cause.name, learner.material, ctx), drifted_us)
    awaited = learner.waits_for(material, settings)
    if awaited is not None:
        ctx.annotate(model=cause.name, waits_for=awaited)
        await _wait(cause, ctx, drifted_us, wait=True, for_ever=True)
        return None
    candidates = learner.candidates(material, settings)
    if learner.compares_content:
        candidates = await _with_fingerprints(candidates, settings, ctx)
    dataset = dataset_of(
        cause.name,
        settings.kind,
        candidates,
        learner.split(settings),
        previous,
        changed_us=drifted_us or 0,
    )
    faults = learner.known_faults(material, settings)
    dataset = dataset._replace(manifest=dataset.manifest.model_copy(update={"faults": faults}))
    check_leaks(dataset.manifest, previous)
    least = learner.min_new_rows(settings)
    enough = dataset.new_rows >= least
    case = case_of(
        new_train=enough and dataset.new_train > 0, new_test=enough and dataset.new_test > 0
    )
    if values and previous is not None and case in ("nothing_new", "only_test"):
        case = case_of(new_train=True, new_test=case == "only_test")
    ctx.annotate(model=cause.name, case=case, new=dataset.new_rows)
    await _wait(cause, ctx, drifted_us, wait=case == "nothing_new")
    held = dataset.manifest
    if case == "nothing_new":
        if previous is None:
            await _wait_for_material(cause, ctx, dataset.new_rows, least)
            return None
        if _asked_by_itself(cause, settings):
            return None  # too early: it does not count
        held, manifest = previous, ObjectRef(**before["manifest"])
    else:
        data = held.model_dump_json().encode()
        manifest = await ctx.objects.put(data, _JSON, role="dataset")
    trained = len(learner.algorithms(settings)) if case in ("only_train", "both") else 0
    if previous is None:
        await ctx.state.delete(f"wanted/{cause.name}")
        ctx.timers.cancel(f"wanted/{cause.name}")
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
        cause=_asked_by(cause, ctx),
        dataset=manifest.sha256,
        kind=settings.kind,
        manifest=manifest,
        previous=before.get("manifest", {}).get("sha256"),
        case=case,
        train_items=len(held.train) + len(held.calibration),
        test_items=len(held.test),
        quarantined_items=len(held.quarantined),
        settings=values,
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


async def _awaits_examples(
    cause: DriftDetected | ModelTrainingRequested, ctx: Context[RetrainConfig]
) -> bool:
    """Whether examples that a request expects are not known yet: it is tried again then."""
    if not isinstance(cause, ModelTrainingRequested) or cause.examples is None:
        return False
    key, expected = f"expecting/{cause.name}", cause.examples
    rows = await ctx.state.items(f"{_EXAMPLES}{cause.name}/", ModelExample)
    known = sum(row.item.time_us >= expected.time_us for _, row in rows)
    if "label" in learner_of(ctx.config.models[cause.name].kind).material:
        labels = await ctx.state.items(_LABELS, DocumentLabelled)
        known += sum(label.labelled_us >= expected.time_us for _, label in labels)
    tries = (await ctx.state.get(key, int) or 0) + 1
    if known >= expected.count or tries > ctx.config.max_waits:
        await ctx.state.delete(key)
        return False
    await ctx.state.put(key, tries)
    ctx.annotate(model=cause.name, awaited=expected.count - known)
    again = cause.model_copy(update={"cause_event": cause.cause_event or ctx.event.id})
    ctx.timers.set(f"examples/{cause.name}", ctx.now() + _SECOND_US, again)
    return True


async def _remembered(
    name: str, wanted: Sequence[str], ctx: Context[RetrainConfig]
) -> dict[str, list[tuple[str, Any]]]:
    """What a learner asks for, by the rest of the key it is remembered under."""
    found = {}
    for what in wanted:
        prefix = f"{_EXAMPLES}{name}/" if what == "example" else f"{what}/"
        rows = await ctx.state.items(prefix, bytes)
        found[what] = [(key.removeprefix(prefix), orjson.loads(value)) for key, value in rows]
    return found


async def _with_fingerprints(
    candidates: list[Candidate], settings: LearnerSettings, ctx: Context[RetrainConfig]
) -> list[Candidate]:
    """Candidates that say which of them are nearly the same; without those that were erased."""
    found = await files_of(tuple(one.item for one in candidates), ctx)
    known = [one for one in candidates if one.item.ref is not None and one.item.ref.sha256 in found]
    files = [found[one.item.ref.sha256] for one in known if one.item.ref is not None]
    marks = await ctx.run(fingerprints, files, settings, seconds=ctx.config.seconds)
    return [
        one._replace(item=one.item.model_copy(update={"fingerprint": mark}))
        for one, mark in zip(known, marks, strict=True)
    ]


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


def _asked_by(cause: DriftDetected | ModelTrainingRequested, ctx: Context[RetrainConfig]) -> str:
    """The event that an iteration answers, also where it had to wait for enough to learn from."""
    if isinstance(cause, ModelTrainingRequested) and cause.cause == "manual":
        return cause.cause_event or ctx.event.id
    return ctx.event.id


async def _wait_for_material(
    cause: DriftDetected | ModelTrainingRequested,
    ctx: Context[RetrainConfig],
    known: int,
    least: int,
) -> None:
    """Have what a person asked for wait until there is enough to learn a first model from.

    Raises:
        Reject: it has waited for long enough.
    """
    lacking = f"{known} of at least {least}"
    ctx.annotate(waits_for=lacking)
    if not isinstance(cause, ModelTrainingRequested) or cause.cause != "manual":
        return  # it is tried again when more has come
    key = f"wanted/{cause.name}"
    tries = (await ctx.state.get(key, int) or 0) + 1
    if tries > ctx.config.max_waits:
        await ctx.state.delete(key)
        raise Reject(f"there is too little to learn {cause.name} from: {lacking}")
    await ctx.state.put(key, tries)
    due = ctx.now() + int(ctx.config.wait_seconds * 1e6)
    again = cause.model_copy(
        update={"cause_event": cause.cause_event or ctx.event.id, "requested_us": due}
    )
    ctx.timers.set(key, due, again)


async def _wait(
    cause: DriftDetected | ModelTrainingRequested,
    ctx: Context[RetrainConfig],
    drifted_us: int | None,
    *,
    wait: bool,
    for_ever: bool = False,
) -> None:
    """Try again later where a drift was found before there is enough to learn from it.

    Args:
        for_ever: however often it was tried, and without counting.
    """
    key, timer = f"waits/{cause.name}", f"again/{cause.name}"
    waits = 0
    if isinstance(cause, ModelTrainingRequested):
        kept = await ctx.state.get(key, _Waits)
        waits = 0 if kept is None else kept.times
    if not wait or drifted_us is None or (waits >= ctx.config.max_waits and not for_ever):
        await ctx.state.delete(key)
        ctx.timers.cancel(timer)
        return
    await ctx.state.put(key, _Waits(waits + (not for_ever), drifted_us))
    origin = cause.cause_event if isinstance(cause, ModelTrainingRequested) else ctx.event.id
    due = ctx.event.time + int(ctx.config.wait_seconds * 1e6)
    again = ModelTrainingRequested(
        name=cause.name, cause="drift", cause_event=origin, requested_us=due
    )
    ctx.timers.set(timer, due, again)
