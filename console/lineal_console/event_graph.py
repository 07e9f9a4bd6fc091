"""What made an event and what it caused, as far as it goes."""

from __future__ import annotations

from collections import deque

from lineal.lineage.canonical import parse_record
from lineal.lineage.graph import lineage_graph
from lineal.lineage.ledger import records_of_event
from lineal.lineage.record import RecordedStep
from lineal.proof.logged import logged_records
from lineal.store.connection import Connection
from lineal_catalog.models.queries import model_names
from lineal_console.proof_state import ProvenGraph, proven_sizes


def event_graph(connection: Connection, event_id: str, max_steps: int) -> ProvenGraph:
    """The steps that made and handled an event, and those that handled what these emitted.

    Args:
        max_steps: about; the nearest are found first.

    Raises:
        LogInconsistent: a record is not the one that was logged.
    """
    sizes = proven_sizes(connection)
    found: dict[tuple[int, int], RecordedStep] = {}
    asked: set[str] = set()
    waiting = deque([event_id])
    while waiting and len(found) < max_steps:
        asked_now = waiting.popleft()
        if asked_now in asked:
            continue
        asked.add(asked_now)
        records = logged_records(connection, records_of_event(connection, asked_now))
        for number, canonical in records:
            for place, step in enumerate(parse_record(canonical).recorded()):
                if asked_now in step.events_in:
                    waiting += step.events_out
                elif event_id not in step.events_out:
                    continue
                found[number, place] = step
    ordered = sorted(found)
    numbers = [number for number, _ in ordered]
    return ProvenGraph(
        lineage_graph([found[place] for place in ordered]),
        numbers,
        [sizes.state(number) for number in numbers],
        model_names(connection),
    )
