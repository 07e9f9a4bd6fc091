"""Lists and finds trained models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from lineal.artifact_in_use import ArtifactInUse
from lineal.errors import LinealError
from lineal.lineage.ledger import steps_of_artifact
from lineal.store.connection import Connection
from lineal.store.objects import small_object
from lineal_catalog.models.promotions import (
    KnownModel,
    Promotion,
    model_before,
    promotions_of,
    trained_models,
)
from lineal_schemas.models import ModelTrained


class UnknownModel(LinealError, LookupError):
    """No model was trained under this name, or not in this version."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model with what is known of it."""

    known: KnownModel
    training: ModelTrained | None
    """None: it was erased."""
    status: Literal["in use", "previous", "retired", "passed", "failed", "trained"]
    """``previous`` is what ``rollback`` goes back to; ``passed`` and ``failed`` say how the newest
    evaluation of one that was never in use came out."""
    evaluation: dict[str, Any] | None
    """The newest, a ``model.evaluated`` as JSON."""


def list_models(connection: Connection, name: str | None = None) -> list[ModelInfo]:
    """All trained models, by name and version; of one name, or all."""
    histories: dict[str, list[Promotion]] = {}
    for change in promotions_of(connection, name):
        histories.setdefault(change.name, []).append(change)
    return [
        _info(connection, known, histories.get(known.name, []))
        for known in trained_models(connection, name)
    ]


def model_names(connection: Connection) -> frozenset[str]:
    """The names of all models that were trained."""
    rows = connection.execute("SELECT DISTINCT name FROM trained_models").fetchall()
    return frozenset(name for (name,) in rows)


def find_model(connection: Connection, name: str, version: int | None = None) -> ModelInfo:
    """One version of a model; without a version the one in use, or else the newest.

    Raises:
        UnknownModel: there is none.
    """
    found = list_models(connection, name)
    if not found:
        raise UnknownModel(f"no model {name!r} was trained: `lineal model list` lists them")
    if version is not None:
        found = [info for info in found if info.known.version == version]
        if not found:
            raise UnknownModel(f"{name} has no version {version}: `lineal model list {name}`")
        return found[0]
    return next((info for info in found if info.status == "in use"), found[-1])


def as_in_use(info: ModelInfo) -> ArtifactInUse:
    """A version as if it were in use: to try it before it is promoted.

    Raises:
        UnknownModel: what is known of its training was erased.
    """
    if info.training is None:
        raise UnknownModel(f"{info.known.name} {info.known.version} was erased")
    file = info.training.artifact
    return ArtifactInUse(
        name=info.known.name,
        counter=1,
        version=info.known.version,
        sha256=file.sha256,
        bytes=file.bytes,
        media_type=file.media_type,
    )


def _info(connection: Connection, known: KnownModel, history: list[Promotion]) -> ModelInfo:
    data = small_object(connection, known.training)
    training = None if data is None else ModelTrained.model_validate_json(data)
    evaluation = _evaluation(connection, known)
    before = model_before(history)
    status: Any = "trained"
    if history and history[-1].sha256 == known.sha256:
        status = "in use"
    elif before is not None and before.sha256 == known.sha256:
        status = "previous"
    elif any(change.sha256 == known.sha256 for change in history):
        status = "retired"
    elif evaluation is not None:
        status = "passed" if evaluation["passed"] else "failed"
    return ModelInfo(known, training, status, evaluation)


def _evaluation(connection: Connection, known: KnownModel) -> dict[str, Any] | None:
    for record in reversed(steps_of_artifact(connection, known.sha256, made=False)):
        if record.kind != "evaluate":
            continue
        for item in record.outputs:
            if item.role != "evaluation":
                continue
            data = small_object(connection, item.sha256)
            found: dict[str, Any] = {} if data is None else orjson.loads(data)
            if found.get("model", {}).get("sha256") == known.sha256:
                return found
    return None
