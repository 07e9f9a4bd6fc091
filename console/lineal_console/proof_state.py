"""How far a record is proven: logged, signed, witnessed."""

from __future__ import annotations

from typing import Literal, NamedTuple

from lineal.lineage.canonical import subject_entries
from lineal.lineage.graph import LineageGraph, lineage_graph
from lineal.lineage.ledger import records_of_subject
from lineal.proof.checkpoint import parse_checkpoint
from lineal.proof.log_tables import read_log
from lineal.proof.logged import logged_records
from lineal.store.connection import Connection
from lineal_catalog.models.queries import model_names

ProofState = Literal["witnessed", "signed", "logged", "waiting"]


_RECORDS = 2000
"""A device's story has no end: of its records so many are read, the newest."""


class ProvenSizes(NamedTuple):
    """Up to which record the log reaches."""

    logged: int
    signed: int
    witnessed: int

    def state(self, record: int) -> ProofState:
        """Of a record by its number."""
        if record <= self.witnessed:
            return "witnessed"
        if record <= self.signed:
            return "signed"
        return "logged" if record <= self.logged else "waiting"


def proven_sizes(connection: Connection) -> ProvenSizes:
    """Of the log in the store; all are 0 where there is none."""
    row = read_log(connection)
    if row is None:
        return ProvenSizes(0, 0, 0)
    return ProvenSizes(row.size, _size(row.checkpoint), _size(row.witnessed))


def _size(note: bytes | None) -> int:
    if note is None:
        return 0
    text, _, _ = note.decode().partition("\n\n")
    return parse_checkpoint(text + "\n").size


class ProvenGraph(NamedTuple):
    """The lineage of a subject with the state of each step's record."""

    graph: LineageGraph
    records: list[int]
    """The number of the record of each step."""
    states: list[ProofState]
    models: frozenset[str] = frozenset()
    """Which of the artifacts that steps used are models, by name; others have no page."""

    def part(self, first: int, end: int) -> ProvenGraph:
        """Some steps only, by their places."""
        steps = LineageGraph(self.graph.steps[first:end])
        return ProvenGraph(steps, self.records[first:end], self.states[first:end],
                           self.models)  # fmt: skip


def proven_graph(connection: Connection, subject: str, newest: int = _RECORDS) -> ProvenGraph:
    """The lineage of a subject, of the newest records; each is compared with the log.

    Raises:
        LogInconsistent: a record is not the one that was logged.
    """
    sizes = proven_sizes(connection)
    steps, numbers = [], []
    for seq, canonical in logged_records(
        connection, records_of_subject(connection, subject, newest)
    ):
        for step in subject_entries(canonical, subject):
            steps.append(step)
            numbers.append(seq)
    states = [sizes.state(seq) for seq in numbers]
    return ProvenGraph(lineage_graph(steps), numbers, states, model_names(connection))
