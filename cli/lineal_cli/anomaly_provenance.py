"""The provenance of an anomaly: its model, trainings, datasets, promotions and rollouts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineal_cli.options import CommandFailed, load_settings
from lineal_cli.printing import plain, when
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.lineage.record import Artifact, RecordedStep
    from lineal.runtime import Runtime
    from lineal_schemas.envelope import RawEvent


async def anomaly_provenance(data: Path | None, wanted: str) -> dict[str, Any]:
    """The provenance of the anomaly with this id (or the only one whose id begins so), as JSON.

    Raises:
        CommandFailed: there is none, or more than one.
    """
    from lineal.lineage.record import digest
    from lineal.runtime import open_runtime
    from lineal_catalog.models.provenance import provenance_of
    from lineal_schemas.envelope import decode

    async with open_runtime(load_settings(existing_data(data))) as runtime:
        event = await _opening(runtime, wanted)
        opened: Any = decode(event).data
        await runtime.flush_ledger()
        found = await runtime.store.read(
            lambda c: provenance_of(c, digest(event.data), opened.model.sha256)
        )
        if found is None:
            raise CommandFailed(f"no record made the event of anomaly {opened.anomaly_id}")
        datasets = [await _dataset(runtime, item) for item in found.datasets]
    return {
        "anomaly": opened.model_dump(mode="json"),
        "found": _fields(found.found),
        "trainings": [_fields(record) for record in found.trainings],
        "datasets": datasets,
        "judgements": [_fields(record) for record in found.evaluations],
        "promotions": [_fields(record) for record in found.promotions],
        "rollouts": [_fields(record) for record in found.rollouts],
    }


async def _opening(runtime: Runtime, wanted: str) -> RawEvent:
    from lineal.errors import UnknownTopic
    from lineal.events_on_topic import read_admitted
    from lineal_schemas.anomalies import AnomalyOpened
    from lineal_schemas.envelope import decode

    found: dict[str, RawEvent] = {}
    try:
        async for delivery in read_admitted(runtime, AnomalyOpened.type):
            opened = decode(delivery.event).data
            assert isinstance(opened, AnomalyOpened)
            if opened.anomaly_id.startswith(wanted):
                found.setdefault(opened.anomaly_id, delivery.event)
    except UnknownTopic:
        pass
    if len(found) != 1:
        raise CommandFailed(
            f"{wanted} begins {len(found)} ids of anomalies: "
            "`lineal tail anomaly.opened --from beginning` shows them"
        )
    return next(iter(found.values()))


async def _dataset(runtime: Runtime, item: Artifact) -> dict[str, Any]:
    """How many batches are in a manifest, and the digests of those that were learnt from."""
    from lineal.errors import ObjectMissing
    from lineal.store.objects import reference
    from lineal_schemas.models import DatasetManifest

    try:
        data = await runtime.objects.get(reference(item.sha256, item.bytes, item.media_type))
    except ObjectMissing:
        return {"sha256": item.sha256, "erased": True}
    manifest = DatasetManifest.model_validate_json(data)
    return {
        "sha256": item.sha256,
        "train": [part.digest for part in manifest.train],
        "calibration": [part.digest for part in manifest.calibration],
        "test": len(manifest.test),
        "quarantined": len(manifest.quarantined),
    }


def _fields(record: RecordedStep) -> dict[str, Any]:
    build = record.build
    return {
        "kind": record.kind,
        "at": record.started,
        "actor": record.actor,
        "root": record.subject,  # the name that was promised
        "correlation_id": record.subject,
        "stage": None if build is None else f"{build.stage} {build.version}",
        "code": None if build is None else build.code,
        "models": [] if build is None else [model._asdict() for model in build.artifacts],
        "facts": dict(record.attributes),  # the name that was promised
        "attributes": dict(record.attributes),
        "inputs": [item._asdict() for item in record.inputs],
    }


def provenance_lines(provenance: dict[str, Any]) -> list[str]:
    """The same for people, one link of the chain a line."""
    anomaly, found = provenance["anomaly"], provenance["found"]
    model = anomaly["model"]
    batch = next((item for item in found["inputs"] if item["role"] == "event"), None)
    lines = [
        f"anomaly {anomaly['anomaly_id']}  {plain(anomaly['device'])}  "
        f"score {anomaly['score']:.4g} over {anomaly['threshold']:.4g}",
        f"  found by {found['stage'] or found['actor']}  {when(found['at'])}  "
        f"code {(found['code'] or '')[:12]}",
    ]
    if batch is not None:
        lines.append(f"  in readings {batch['sha256'][:12]}  up to {anomaly['last_seq']}")
    lines.append(f"  with model {model['name']} {model['version']}  {model['sha256'][:12]}")
    for record in provenance["trainings"]:
        lines.append(
            f"    trained by {record['stage']}  {when(record['at'])}  code {record['code'][:12]}"
        )
    for dataset in provenance["datasets"]:
        if dataset.get("erased"):
            lines.append(f"    on dataset {dataset['sha256'][:12]}, which was erased")
            continue
        lines.append(
            f"    on dataset {dataset['sha256'][:12]}: {len(dataset['train'])} batches to learn "
            f"from, {len(dataset['calibration'])} for the threshold, {dataset['test']} for the "
            f"test, {dataset['quarantined']} quarantined"
        )
    for record in provenance["judgements"]:
        lines.append(f"    evaluated by {record['stage']}  {when(record['at'])}")
    for record in provenance["promotions"]:
        act = "promoted" if record["kind"] == "promote" else "gone back to"
        lines.append(f"    {act} by {plain(record['actor'])}  {when(record['at'])}")
    if provenance["rollouts"]:
        lines.append(f"    rolled out in {len(provenance['rollouts'])} steps")
    return lines
