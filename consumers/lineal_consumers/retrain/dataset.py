"""Finds what could be in a dataset: collected batches, and labelled documents.

Batches in which an anomaly was open are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from lineal_consumers.retrain.config import ReadingsModel
from lineal_learning.splits import Candidate
from lineal_schemas.models import DatasetItem, FaultExample
from lineal_schemas.objects import ObjectRef

_WITHOUT_END = 2**62
_MAX_EXAMPLES = 512
"""Of faults, in a model's file; the newest."""


class Anomaly(NamedTuple):
    """A stretch of a device's readings that is not normal."""

    anomaly_id: str
    boot_id: str
    first_seq: int
    last_seq: int
    is_open: bool


class Mark(NamedTuple):
    """A time of a device of which a person has said what it was."""

    fault: str | None
    """None: normal."""
    from_us: int
    to_us: int
    marked_us: int


def batches_to_learn(
    settings: ReadingsModel,
    blocks: Sequence[Mapping[str, Any]],
    anomalies: Mapping[str, Sequence[Anomaly]],
    marks: Mapping[str, Sequence[Mark]] | None = None,
    *,
    drifted: bool = False,
) -> list[Candidate]:
    """The batches that a scoring model could learn from.

    Args:
        blocks: ``telemetry.collected`` payloads as JSON values.
        anomalies: by device.
        marks: by device. What a person says of a time wins over what a model found in it.
        drifted: whether a drift asks for it (see ``lasting_readings``).
    """
    newest = sorted(blocks, key=_block_time)[-settings.window_blocks :]
    items: list[Candidate] = []
    ranges: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    for block in newest:
        device, boot = block["device"], block["boot_id"]
        ref = ObjectRef(**block["content"])
        if (device, boot) not in ranges:
            of_boot = [item for item in anomalies.get(device, ()) if item.boot_id == boot]
            ranges[device, boot] = _quarantined(of_boot, settings, drifted=drifted)
        of_device = (marks or {}).get(device, ())
        begins = [batch["wall_us"] for batch in block["batches"]]
        # of the last batch only the begin is known
        ends = [*begins[1:], begins[-1] + 1]
        for batch, end_us in zip(block["batches"], ends, strict=True):
            first, last = batch["first_seq"], batch["last_seq"]
            item = DatasetItem(
                digest=batch["digest"],
                source=f"{device}/{boot}/{first}-{last}",
                rows=last - first + 1,
                time_us=batch["wall_us"],
                ref=ref,
            )
            mark = _marked_last(of_device, batch["wall_us"], end_us)
            reason = None
            if mark is None:
                reason = next(
                    (
                        f"anomaly {known}"
                        for known, a, b in ranges[device, boot]
                        if first <= b and last >= a
                    ),
                    None,
                )
            elif mark.fault is not None:
                reason = f"marked as {mark.fault}"
            items.append(Candidate(item, reason))
    return items


def fault_examples(
    anomalies: Sequence[tuple[str, Sequence[Any]]],
    normal: Collection[str],
    marks: Mapping[str, Sequence[Mark]],
    features: Collection[str],
) -> list[FaultExample]:
    """The anomalies of which people have said what they were, in the order of their time.

    Args:
        anomalies: as they are remembered, by ``DEVICE/ID``.
        normal: those that a person found to be normal.
        marks: by device.
        features: of the model: anomalies of others have other shares.
    """
    found = []
    for key, value in sorted(anomalies, key=lambda pair: (pair[1][5], pair[0])):
        begin_us, shares = value[6:8] if len(value) > 7 else (0, {})
        if not shares or not shares.keys() <= set(features):
            continue
        over = _marked_last(marks.get(key.partition("/")[0], ()), begin_us, value[5] + 1)
        if over is not None:
            found.append(FaultExample(fault=over.fault, shares=shares))
        elif key in normal:
            found.append(FaultExample(fault=None, shares=shares))
    return found[-_MAX_EXAMPLES:]


def has_open_fault(
    blocks: Sequence[Mapping[str, Any]],
    anomalies: Mapping[str, Sequence[Anomaly]],
    *,
    lasting_readings: int,
    since_us: int,
) -> bool:
    """Whether a device is in an anomaly now: what it sends is no new normal to learn from.

    Args:
        blocks: ``telemetry.collected`` payloads as JSON values.
        anomalies: by device.
        lasting_readings: an anomaly that has lasted longer is no fault but a changed world.
        since_us: a device of which nothing came since then is not waited for.
    """
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    for block in blocks:
        last = block["batches"][-1]
        key = block["device"], block["boot_id"]
        newest[key] = max(newest.get(key, (0, 0)), (last["wall_us"], last["last_seq"]))
    for device, found in anomalies.items():
        for item in found:
            if not item.is_open:
                continue
            wall_us, last_seq = newest.get((device, item.boot_id), (0, 0))
            length = max(item.last_seq, last_seq) - item.first_seq
            if wall_us >= since_us and length < lasting_readings:
                return True
    return False


def documents_to_learn(labels: Sequence[Mapping[str, Any]]) -> list[Candidate]:
    """The documents that a text classifier could learn from.

    Args:
        labels: ``document.labelled`` payloads as JSON values, one for each document.
    """
    items = []
    for label in labels:
        # The reading says where the words stand; older labels have the text alone.
        ref = ObjectRef(**(label.get("result") or label["text"]))
        item = DatasetItem(
            digest=ref.sha256,
            source=label["document_id"],
            time_us=label["labelled_us"],
            group=label["document_id"],
            label=label["label"],
            ref=ref,
        )
        items.append(Candidate(item))
    return items


def _marked_last(marks: Sequence[Mark], begin_us: int, end_us: int) -> Mark | None:
    over = [mark for mark in marks if mark.from_us < end_us and begin_us < mark.to_us]
    return max(over, key=lambda mark: mark.marked_us, default=None)


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
