"""Where models come from, as in-toto statements with SLSA provenance.

Sources: the in-toto Statement v1 (github.com/in-toto/attestation, spec/v1/statement.md) and the
predicate https://slsa.dev/spec/v1.0/provenance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lineal.errors import ObjectCorrupt
from lineal.lineage.exports.steps import finished, run_ids, time_text
from lineal.lineage.record import Artifact, RecordedStep, digest
from lineal.store.connection import Connection
from lineal.store.objects import small_object
from lineal_catalog.models.promotions import MODEL_ROLE, TRAINING_ROLE
from lineal_schemas.models import ModelTrained

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:lineal:build:train:1"
"""Of models that a step of kind ``train`` made. External parameters: what was asked for; internal
ones: what else has to be the same for the same weights to come out."""


def training_statements(
    connection: Connection, steps: Sequence[RecordedStep]
) -> list[dict[str, Any]]:
    """A statement for each model that one of some steps trained, in their order.

    Of a model whose training was erased it says what the record does.

    Raises:
        ObjectCorrupt: what describes a training is not what was recorded.
    """
    made: list[dict[str, Any]] = []
    for step, run_id in zip(steps, run_ids(steps), strict=True):
        if step.kind != "train":
            continue
        trained = {one.artifact.sha256: one for one in _trainings(connection, step)}
        made += [
            _statement(step, run_id, item, trained.get(item.sha256))
            for item in step.outputs
            if item.role == MODEL_ROLE
        ]
    return made


def _trainings(connection: Connection, step: RecordedStep) -> Iterator[ModelTrained]:
    for item in step.outputs:
        if item.role != TRAINING_ROLE:
            continue
        data = small_object(connection, item.sha256)
        if data is None:
            continue
        if digest(data) != item.sha256:
            raise ObjectCorrupt(item.sha256)
        yield ModelTrained.model_validate_json(data)


def _statement(
    step: RecordedStep, run_id: str, model: Artifact, trained: ModelTrained | None
) -> dict[str, Any]:
    name = step.subject if trained is None else f"{trained.name}:{trained.model.version}"
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": model.sha256}}],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": _external(trained),
                "internalParameters": _internal(step, trained),
                "resolvedDependencies": _dependencies(step, trained),
            },
            "runDetails": {
                "builder": _builder(step),
                "metadata": {
                    "invocationId": run_id,
                    "startedOn": time_text(step.started),
                    "finishedOn": time_text(finished(step)),
                },
                "byproducts": [
                    _descriptor(item)
                    for item in step.outputs
                    if item.role not in (MODEL_ROLE, "event")
                ],
            },
        },
    }


def _external(trained: ModelTrained | None) -> dict[str, Any]:
    if trained is None:
        return {}
    return {
        "name": trained.name,
        "version": trained.model.version,
        "iteration": trained.iteration,
        "algorithm": trained.algorithm,
        "parameters": trained.parameters,
    }


def _internal(step: RecordedStep, trained: ModelTrained | None) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": step.kind}
    if step.build is not None:
        said["config"] = step.build.config
    if trained is not None:
        provenance = trained.provenance
        said |= {
            "seeds": provenance.seeds,
            "threads": provenance.threads,
            "python": provenance.python,
            "platform": provenance.platform,
            "libraries": dict(provenance.libraries),
        }
    return said


def _dependencies(step: RecordedStep, trained: ModelTrained | None) -> list[dict[str, Any]]:
    found = [_descriptor(item) for item in step.inputs]
    if trained is not None:
        found.append(_named("training code", trained.provenance.code_sha256))
        if trained.provenance.lockfile_sha256 is not None:
            found.append(_named("lock file", trained.provenance.lockfile_sha256))
        if trained.dataset not in [item.sha256 for item in step.inputs]:
            found.append(_named("dataset", trained.dataset))
    return found


def _builder(step: RecordedStep) -> dict[str, Any]:
    if step.build is None:
        return {"id": f"urn:lineal:actor:{step.actor}"}
    build = step.build
    return {
        "id": f"urn:lineal:stage:{build.stage}",
        "version": {build.stage: build.version},
        "builderDependencies": [_named("stage code", build.code)],
    }


def _descriptor(item: Artifact) -> dict[str, Any]:
    return {**_named(item.role, item.sha256), "mediaType": item.media_type}


def _named(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}
