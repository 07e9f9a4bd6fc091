"""The lineage of a subject as nodes and edges, for the script that draws graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lineal.lineage.graph import GraphStep, stored_objects
from lineal.lineage.record import RecordedStep
from lineal_console.messages import PROOF_STATES
from lineal_console.proof_state import ProofState, ProvenGraph

_STATES = {
    "failed": "bad", "rejected": "bad", "memoised": "info", "skipped": "info", "delayed": "info",
}  # fmt: skip


def drawn_lineage(proven: ProvenGraph, text: Callable[..., str]) -> dict[str, Any]:
    """Steps with code, model, person and proof state; between them the bytes that were read and
    made. Only objects of the store are drawn: events join their steps directly. What had nothing to
    do is quiet, with what it alone has read: it is drawn on demand.

    Args:
        text: says a message in the reader's language.
    """
    nodes: list[dict[str, Any]] = []
    edges: dict[tuple[str, str], dict[str, Any]] = {}
    objects: dict[str, dict[str, Any]] = {}
    drawn = {step.number for step in proven.graph.steps}
    for step, record, state in zip(proven.graph.steps, proven.records, proven.states, strict=True):
        nodes.append(_step_node(step, record, state, text))
        mine = f"s{step.number}"
        if not step.causes and step.record.events_in:
            arrival = f"e{step.number}"
            nodes.append(
                {"id": arrival, "kind": "event", "label": text("event"),
                 "lines": [step.record.events_in[0][:8]]}
            )  # fmt: skip
            edges[arrival, mine] = {}
        for cause in drawn.intersection(step.causes):
            edges[f"s{cause}", mine] = {}
        quiet = made_nothing(step.record)
        for item in stored_objects((*step.record.inputs, *step.record.outputs)):
            if item.sha256 not in objects:
                objects[item.sha256] = {
                    "id": f"o{len(objects)}", "kind": "object", "label": item.role,
                    "lines": [item.sha256[:12], item.media_type], "quiet": True,
                }  # fmt: skip
                nodes.append(objects[item.sha256])
            objects[item.sha256]["quiet"] &= quiet
        for item in stored_objects(step.record.inputs):
            edges[objects[item.sha256]["id"], mine] = {"kind": "read"}
        for item in stored_objects(step.record.outputs):
            edges[mine, objects[item.sha256]["id"]] = {"kind": "made"}
    joined = [{"from": source, "to": target, **kind} for (source, target), kind in edges.items()]
    return {"nodes": nodes, "edges": joined}


def made_nothing(step: RecordedStep) -> bool:
    """Whether a step has passed over what it was given, and made nothing of it."""
    return step.outcome == "skipped" and not step.outputs


def _step_node(
    step: GraphStep, record: int, state: ProofState, text: Callable[..., str]
) -> dict[str, Any]:
    build = step.record.build
    lines: list[str] = [text(step.record.outcome) if step.record.outcome != "done" else ""]
    if build is not None:
        lines.append(text("code %(digest)s", digest=build.code[:8]))
        lines += [f"{item.name} {item.version}" for item in build.artifacts]
    if not step.record.actor.startswith("stage:"):
        lines.append(step.record.actor)
    lines.append(
        text("record %(number)s: %(state)s", number=record, state=text(PROOF_STATES[state]))
    )
    return {
        "id": f"s{step.number}",
        "kind": "step",
        "label": f"{step.name} {build.version}" if build else step.name,
        "lines": [line for line in lines if line],
        "state": _STATES.get(step.record.outcome, "good"),
        "proof": state,
        "href": f"#step-{step.number}",
        "quiet": made_nothing(step.record),
    }
