"""Makes a dataset's manifest from collected batches or labelled documents.

An item that was given to training, calibration or test stays there as long as it is in the window:
what a model is evaluated on was never learnt from. New items are split by time, the latest for the
test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from lineal_consumers.retrain.config import DocumentsModel, ReadingsModel
from lineal_schemas.models import DatasetItem, DatasetManifest, QuarantinedItem
from lineal_schemas.objects import ObjectRef

Role = Literal["train", "calibration", "test"]
_WITHOUT_END = 2**62


class Anomaly(NamedTuple):
    """A stretch of a device's readings that is not normal."""

    anomaly_id: str
    boot_id: str
    first_seq: int
    last_seq: int
    is_open: bool


class Dataset(NamedTuple):
    """A manifest, and what in it is new."""

    manifest: DatasetManifest
    new_rows: int
    """Readings, or documents, that were in no dataset before, quarantined ones included."""
    new_train: int
    """Items to learn from (or to set the threshold on) that were in no dataset before."""
    new_test: int


def readings_dataset(
    name: str,
    settings: ReadingsModel,
    blocks: Sequence[Mapping[str, Any]],
    anomalies: Mapping[str, Sequence[Anomaly]],
    previous: DatasetManifest | None,
    *,
    drifted_us: int | None = None,
) -> Dataset:
    """The dataset of a scoring model.

    Args:
        blocks: ``telemetry.collected`` payloads as JSON values.
        anomalies: by device.
        previous: of the iteration before.
        drifted_us: where a drift asked for it, since when (see ``lasting_readings``): what came
            before and what came since are split each for itself, so that the changed world is
            learnt from as well as evaluated on, and only what came since counts as new.
    """
    newest = sorted(blocks, key=_block_time)[-settings.window_blocks :]
    items: list[tuple[DatasetItem, str | None]] = []
    ranges: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    for block in newest:
        device, boot = block["device"], block["boot_id"]
        ref = ObjectRef(**block["content"])
        if (device, boot) not in ranges:
            of_boot = [item for item in anomalies.get(device, ()) if item.boot_id == boot]
            ranges[device, boot] = _quarantined(of_boot, settings, drifted=drifted_us is not None)
        for batch in block["batches"]:
            first, last = batch["first_seq"], batch["last_seq"]
            item = DatasetItem(
                digest=batch["digest"],
                source=f"{device}/{boot}/{first}-{last}",
                rows=last - first + 1,
                time_us=batch["wall_us"],
                ref=ref,
            )
            reason = next(
                (
                    f"anomaly {known}"
                    for known, a, b in ranges[device, boot]
                    if first <= b and last >= a
                ),
                None,
            )
            items.append((item, reason))
    shares = settings.calibration_share, settings.test_share
    return _dataset(name, "readings", items, shares, previous, drifted_us or 0)


def documents_dataset(
    name: str,
    settings: DocumentsModel,
    labels: Sequence[Mapping[str, Any]],
    previous: DatasetManifest | None,
) -> Dataset:
    """The dataset of a text classifier.

    Args:
        labels: ``document.labelled`` payloads as JSON values, one for each document.
    """
    items: list[tuple[DatasetItem, str | None]] = []
    for label in labels:
        ref = ObjectRef(**label["text"])
        item = DatasetItem(
            digest=ref.sha256,
            source=label["document_id"],
            time_us=label["labelled_us"],
            label=label["label"],
            ref=ref,
        )
        items.append((item, None))
    return _dataset(name, "documents", items, (0.0, settings.test_share), previous, 0)


def _block_time(block: Mapping[str, Any]) -> tuple[int, str, int]:
    return block["batches"][0]["wall_us"], block["device"], block["number"]


def _quarantined(
    anomalies: Sequence[Anomaly], settings: ReadingsModel, *, drifted: bool
) -> list[tuple[str, int, int]]:
    """What the anomalies of one boot take from training: the id, and first and last reading.

    Those that follow one another closely are one: in a changed world an anomaly comes and goes.
    """
    merged: list[Anomaly] = []
    close = settings.lasting_readings // 10
    for item in sorted(anomalies, key=lambda item: item.first_seq):
        if merged and item.first_seq - merged[-1].last_seq <= close:
            before = merged[-1]
            last = max(before.last_seq, item.last_seq)
            merged[-1] = before._replace(last_seq=last, is_open=before.is_open or item.is_open)
        else:
            merged.append(item)
    guard = settings.guard_readings
    return [
        (
            item.anomaly_id,
            item.first_seq - guard,
            _WITHOUT_END if item.is_open else item.last_seq + guard,
        )
        for item in merged
        if not (drifted and item.last_seq - item.first_seq >= settings.lasting_readings)
    ]


def _dataset(
    name: str,
    kind: Literal["readings", "documents"],
    items: Iterable[tuple[DatasetItem, str | None]],
    shares: tuple[float, float],
    previous: DatasetManifest | None,
    changed_us: int,
) -> Dataset:
    known = _roles(previous)
    seen = _keys(previous)
    ordered = sorted(items, key=lambda pair: (pair[0].time_us, pair[0].source))
    fresh = [item for item, reason in ordered if reason is None and _key(item) not in known]
    unseen = [item for item, _ in ordered if _key(item) not in seen]
    for side in (
        [item for item in fresh if item.time_us < changed_us],
        [item for item in fresh if item.time_us >= changed_us],
    ):
        known = known | _split(side, *shares)
    sides: dict[Role, list[DatasetItem]] = {"train": [], "calibration": [], "test": []}
    quarantined = []
    for item, reason in ordered:
        if reason is not None:
            quarantined.append(QuarantinedItem(**item.model_dump(), reason=reason))
        else:
            sides[known[_key(item)]].append(item)
    manifest = DatasetManifest(
        model=name,
        kind=kind,
        train=tuple(sides["train"]),
        calibration=tuple(sides["calibration"]),
        test=tuple(sides["test"]),
        quarantined=tuple(quarantined),
    )
    new = {_key(item) for item in fresh}
    return Dataset(
        manifest,
        new_rows=sum(item.rows for item in unseen if item.time_us >= changed_us),
        new_train=sum(
            _key(item) in new for side in ("train", "calibration") for item in sides[side]
        ),
        new_test=sum(_key(item) in new for item in sides["test"]),
    )


def _split(
    items: Sequence[DatasetItem], calibration_share: float, test_share: float
) -> dict[str, Role]:
    """New items by time: the earliest to learn from, the latest for the test.

    Split where the share of rows is reached; one item alone is learnt from.
    """
    total = sum(item.rows for item in items)
    roles: dict[str, Role] = {}
    before = 0
    for item in items:
        share = before / total
        if share < 1 - calibration_share - test_share:
            roles[_key(item)] = "train"
        else:
            roles[_key(item)] = "calibration" if share < 1 - test_share else "test"
        before += item.rows
    return roles


def _key(item: DatasetItem) -> str:
    # The label is part of it: a document that is labelled anew is a new example.
    return f"{item.digest} {item.source} {item.label or ''}"


def _roles(manifest: DatasetManifest | None) -> dict[str, Role]:
    if manifest is None:
        return {}
    roles: dict[str, Role] = {_key(item): "train" for item in manifest.train}
    roles |= {_key(item): "calibration" for item in manifest.calibration}
    return roles | {_key(item): "test" for item in manifest.test}


def _keys(manifest: DatasetManifest | None) -> set[str]:
    if manifest is None:
        return set()
    return {*_roles(manifest), *(_key(item) for item in manifest.quarantined)}
