"""The lineage of a subject as nodes and edges, for the script that draws graphs."""

from __future__ import annotations

from typing import Any

from lineal.lineage.graph import GraphStep, stored_objects
from lineal_console.proof_state import ProvenGraph

_STATES = {
    "failed": "bad", "rejected": "bad", "memoised": "info", "skipped": "info", "delayed": "info",
}  # fmt: skip


def drawn_lineage(proven: ProvenGraph) -> dict[str, Any]:
    """Steps with code, model, person and proof state; between them the bytes that were read and
    made. Only objects of the store are drawn: events join their steps directly."""
    nodes: list[dict[str, Any]] = []
    edges: dict[tuple[str, str], dict[str, Any]] = {}
    objects: dict[str, str] = {}
    drawn = {step.number for step in proven.graph.steps}
    for step, record, state in zip(proven.graph.steps, proven.records, proven.states, strict=True):
        nodes.append(_step_node(step, record, state))
        mine = f"s{step.number}"
        if not step.causes and step.record.events_in:
            arrival = f"e{step.number}"
            nodes.append(
                {"id": arrival, "kind": "event", "label": "event",
                 "lines": [step.record.events_in[0][:8]]}
            )  # fmt: skip
            edges[arrival, mine] = {}
        for cause in drawn.intersection(step.causes):
            edges[f"s{cause}", mine] = {}
        for item in stored_objects((*step.record.inputs, *step.record.outputs)):
            if item.sha256 not in objects:
                objects[item.sha256] = f"o{len(objects)}"
                nodes.append(
                    {"id": objects[item.sha256], "kind": "object", "label": item.role,
                     "lines": [item.sha256[:12], item.media_type]}
                )  # fmt: skip
        for item in stored_objects(step.record.inputs):
            edges[objects[item.sha256], mine] = {"kind": "read"}
        for item in stored_objects(step.record.outputs):
            edges[mine, objects[item.sha256]] = {"kind": "made"}
    joined = [{"from": source, "to": target, **kind} for (source, target), kind in edges.items()]
    return {"nodes": nodes, "edges": joined}


def _step_node(step: GraphStep, record: int, state: str) -> dict[str, Any]:
    build = step.record.build
    lines: list[str] = [step.record.outcome if step.record.outcome != "done" else ""]
    if build is not None:
        lines.append(f"code {build.code[:8]}")
        lines += [f"{item.name} {item.version}" for item in build.artifacts]
    if not step.record.actor.startswith("stage:"):
        lines.append(step.record.actor)
    lines.append(f"record {record}: {state}")
    return {
        "id": f"s{step.number}",
        "kind": "step",
        "label": f"{step.name} {build.version}" if build else step.name,
        "lines": [line for line in lines if line],
        "state": _STATES.get(step.record.outcome, "good"),
        "proof": state,
        "href": f"#step-{step.number}",
    }
