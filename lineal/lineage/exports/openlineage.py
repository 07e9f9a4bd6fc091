"""Lineage as OpenLineage run events (https://openlineage.io/spec/2-0-2/OpenLineage.json).

A step is a run of the job that its stage is, and one event says how it ended. Objects and events
are datasets, named by the digests of their bytes.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from lineal.erasure.erasures import KIND as ERASE
from lineal.lineage.exports.steps import UNSUCCESSFUL, finished, run_ids, time_text
from lineal.lineage.graph import GraphStep, LineageGraph
from lineal.lineage.record import Artifact, RecordedStep, UsedArtifact

NAMESPACE = "lineal"
"""Of jobs and datasets."""

_SPEC = "https://openlineage.io/spec"
_CORE = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs"
_PRODUCER = "urn:lineal:openlineage:1"


def run_events(graph: LineageGraph) -> list[dict[str, Any]]:
    """An event for each step of a graph, in its order."""
    ids = run_ids(step.record for step in graph.steps)
    return [_run_event(graph, step, ids) for step in graph.steps]


def _run_event(graph: LineageGraph, step: GraphStep, ids: list[str]) -> dict[str, Any]:
    record = step.record
    used = () if record.build is None else record.build.artifacts
    inputs = [*map(_dataset, record.inputs), *map(_used, used)]
    outputs = [*map(_dataset, record.outputs)]
    if record.kind == ERASE:
        outputs.append(_erased(record.subject))
    return {
        "eventType": "FAIL" if record.outcome in UNSUCCESSFUL else "COMPLETE",
        "eventTime": time_text(finished(record)),
        "producer": _PRODUCER,
        "schemaURL": f"{_CORE}/RunEvent",
        "run": {"runId": ids[step.number], "facets": _run_facets(graph, step, ids)},
        "job": {
            "namespace": NAMESPACE,
            "name": step.name,
            "facets": {
                "jobType": _facet(
                    "2-0-4/JobTypeJobFacet",
                    processingType="BATCH",
                    integration="LINEAL",
                    jobType="STAGE" if record.build else "ACT",
                )
            },
        },
        "inputs": _distinct(inputs),
        "outputs": _distinct(outputs),
    }


def _run_facets(graph: LineageGraph, step: GraphStep, ids: list[str]) -> dict[str, Any]:
    record = step.record
    facets = {
        "processing_engine": _facet(
            "1-1-1/ProcessingEngineRunFacet", version=version("lineal"), name="lineal"
        ),
        "lineal_step": _step_facet(record),
    }
    if step.causes:
        facets["jobDependencies"] = _facet(
            "1-0-1/JobDependenciesRunFacet",
            upstream=[
                {
                    "job": {"namespace": NAMESPACE, "name": graph.steps[cause].name},
                    "run": {"runId": ids[cause]},
                    "dependency_type": "DIRECT_INVOCATION",
                }
                for cause in step.causes
            ],
        )
    if record.outcome in UNSUCCESSFUL:
        message = ": ".join(filter(None, (record.error, record.reason))) or record.outcome
        facets["errorMessage"] = _facet(
            "1-0-1/ErrorMessageRunFacet", message=message, programmingLanguage="PYTHON"
        )
    return facets


def _step_facet(record: RecordedStep) -> dict[str, Any]:
    """What OpenLineage has no words for."""
    build = record.build
    said = {
        "subject": record.subject,
        "kind": record.kind,
        "outcome": record.outcome,
        "actor": record.actor,
        "started": time_text(record.started),
        "attempt": record.attempt,
        "reason": record.reason,
        "trace": record.trace,
        "stageVersion": build and build.version,
        "code": build and build.code,
        "config": build and build.config,
    }
    return _custom(f"{_CORE}/RunFacet", {name: value for name, value in said.items() if value})


def _dataset(item: Artifact) -> dict[str, Any]:
    facets = {
        "datasetType": _facet("1-0-1/DatasetTypeDatasetFacet", datasetType="FILE"),
        "lineal_artifact": _custom(
            f"{_CORE}/DatasetFacet",
            {"role": item.role, "mediaType": item.media_type, "bytes": item.bytes},
        ),
    }
    return {"namespace": NAMESPACE, "name": f"sha256:{item.sha256}", "facets": facets}


def _used(artifact: UsedArtifact) -> dict[str, Any]:
    facets = {
        "datasetType": _facet("1-0-1/DatasetTypeDatasetFacet", datasetType="MODEL"),
        "version": _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=artifact.version),
        "lineal_model": _custom(f"{_CORE}/DatasetFacet", {"name": artifact.name}),
    }
    return {"namespace": NAMESPACE, "name": f"sha256:{artifact.sha256}", "facets": facets}


def _erased(subject: str) -> dict[str, Any]:
    facets = {
        "lifecycleStateChange": _facet(
            "1-0-1/LifecycleStateChangeDatasetFacet", lifecycleStateChange="DROP"
        )
    }
    return {"namespace": NAMESPACE, "name": subject, "facets": facets}


def _distinct(datasets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for dataset in datasets:
        merged.setdefault(dataset["name"], dataset)["facets"].update(dataset["facets"])
    return list(merged.values())


def _facet(schema: str, **fields: Any) -> dict[str, Any]:
    """A facet of the standard, by the version and name of its schema."""
    name = schema.partition("/")[2]
    return _custom(f"{_SPEC}/facets/{schema}.json#/$defs/{name}", fields)


def _custom(schema_url: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": schema_url, **fields}
