"""The provenance of an anomaly: readings, model, training data, code, promotion."""

from __future__ import annotations

from dataclasses import dataclass

from lineal.lineage.ledger import steps_of_artifact
from lineal.lineage.record import Artifact, RecordedStep
from lineal.store.connection import Connection

DATASET_ROLE = "dataset"


@dataclass(frozen=True, slots=True)
class AnomalyProvenance:
    """Where an anomaly came from, each link by a digest in a record."""

    found: RecordedStep
    """The step that scored the batch."""
    trainings: tuple[RecordedStep, ...]
    """What made the model: more than one where the same was trained again."""
    datasets: tuple[Artifact, ...]
    """Manifests of the readings it was learnt from."""
    evaluations: tuple[RecordedStep, ...]
    promotions: tuple[RecordedStep, ...]
    """Promotions and rollbacks of the model."""
    rollouts: tuple[RecordedStep, ...]
    """Steps of rollouts that brought it to devices."""


def provenance_of(
    connection: Connection, event_sha256: str, model_sha256: str
) -> AnomalyProvenance | None:
    """The provenance of the anomaly of an event; None if no record made the event.

    Args:
        event_sha256: digest of the data of the event.
        model_sha256: of the model that scored.
    """
    found = steps_of_artifact(connection, event_sha256, made=True)
    if not found:
        return None
    trainings = [
        record
        for record in steps_of_artifact(connection, model_sha256, made=True)
        if record.kind == "train"
    ]
    read = steps_of_artifact(connection, model_sha256, made=False)
    datasets = {
        item.sha256: item
        for record in trainings
        for item in record.inputs
        if item.role == DATASET_ROLE
    }
    return AnomalyProvenance(
        found=found[0],
        trainings=tuple(trainings),
        datasets=tuple(datasets.values()),
        evaluations=tuple(record for record in read if record.kind == "evaluate"),
        promotions=tuple(record for record in read if record.kind in ("promote", "rollback")),
        rollouts=tuple(record for record in read if record.kind in ("deploy", "activate")),
    )
