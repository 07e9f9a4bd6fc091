"""The lineage of a subject: steps, joined by what one made and another read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lineal.lineage.record import Artifact, RecordedStep

EVENT_ROLES = frozenset({"event", "dead-letter", "message"})
"""Roles of artifacts that are the data of events, which ride on the bus and join steps directly."""


@dataclass(slots=True)
class GraphStep:
    """A step of the graph and what follows from it."""

    number: int
    """Its place in the ledger among the steps of the subject, from 0."""
    record: RecordedStep
    causes: tuple[int, ...]
    """Numbers of the steps whose events this one handled; empty at the roots of the graph."""
    follows: list[GraphStep] = field(default_factory=list, repr=False)
    """Steps whose last cause is this one: with them the graph is a tree with each step once."""

    @property
    def name(self) -> str:
        """The stage, or for acts of people their kind."""
        return self.record.build.stage if self.record.build else self.record.kind


@dataclass(slots=True)
class LineageGraph:
    """All steps in the order in which they were committed."""

    steps: list[GraphStep]

    @property
    def roots(self) -> list[GraphStep]:
        """Steps that handled an event no step of the graph made: one for every arrival."""
        return [step for step in self.steps if not step.causes]


def lineage_graph(recorded: Sequence[RecordedStep]) -> LineageGraph:
    """The lineage of one subject, from its steps in the order of the ledger."""
    steps: list[GraphStep] = []
    maker_of_event: dict[str, int] = {}
    maker_of_data: dict[str, int] = {}
    for number, record in enumerate(recorded):
        causes = {maker_of_event[item] for item in record.events_in if item in maker_of_event}
        if not causes:
            # An event published again under another id is still known by its bytes.
            causes = {
                maker_of_data[item.sha256]
                for item in record.inputs
                if item.role in EVENT_ROLES and item.sha256 in maker_of_data
            }
        step = GraphStep(number, record, tuple(sorted(causes)))
        if causes:
            steps[max(causes)].follows.append(step)
        steps.append(step)
        # Whoever made an event last is its maker: a replay or a redrive makes the same ids again.
        maker_of_event.update(dict.fromkeys(record.events_out, number))
        for item in record.outputs:
            if item.role in EVENT_ROLES:
                maker_of_data.setdefault(item.sha256, number)
    return LineageGraph(steps)


def stored_objects(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Those artifacts that are objects in the store, not events on the bus."""
    return [item for item in artifacts if item.role not in EVENT_ROLES]


def mermaid(graph: LineageGraph) -> str:
    """The graph as a Mermaid flowchart: steps as boxes, objects rounded, arrivals as discs.

    An object is drawn once however often it was made and read; it is known by its digest.
    """
    lines = ["flowchart TD"]
    drawn: dict[str, str] = {}
    edges: dict[str, None] = {}
    for step in graph.steps:
        lines.append(f"    {_node(step)}[{_label(*_step_label(step))}]")
        if not step.causes and step.record.events_in:
            arrival = f"arrival{step.number}"
            lines.append(f"    {arrival}(({_label('event', step.record.events_in[0][:8])}))")
            edges[f"{arrival} --> {_node(step)}"] = None
        for cause in step.causes:
            edges[f"s{cause} --> {_node(step)}"] = None
        for item in stored_objects((*step.record.inputs, *step.record.outputs)):
            if item.sha256 not in drawn:
                drawn[item.sha256] = f"o{len(drawn)}"
                label = _label(item.role, item.sha256[:12], item.media_type)
                lines.append(f"    {drawn[item.sha256]}({label})")
        for item in stored_objects(step.record.inputs):
            edges[f"{drawn[item.sha256]} -.-> {_node(step)}"] = None
        for item in stored_objects(step.record.outputs):
            edges[f"{_node(step)} ==> {drawn[item.sha256]}"] = None
    return "\n".join([*lines, *(f"    {edge}" for edge in edges)]) + "\n"


def _node(step: GraphStep) -> str:
    return f"s{step.number}"


def _step_label(step: GraphStep) -> list[str]:
    build = step.record.build
    title = f"{step.name} {build.version}" if build else step.name
    return [title, step.record.outcome]


def _label(*lines: str) -> str:
    # Mermaid has no escape inside quotes but its own entity codes.
    quoted = [
        "".join(c if c.isalnum() or c in " .-_/:;=+" else f"#{ord(c)};" for c in line)
        for line in lines
    ]
    return '"' + "<br/>".join(quoted) + '"'
