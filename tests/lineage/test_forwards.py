"""What followed from steps."""

from __future__ import annotations

from typing import Any

from lineal.lineage.forwards import steps_forwards
from lineal.lineage.record import Artifact, RecordedStep
from tests.lineage.records import one_step


def data(name: str, role: str = "object") -> Artifact:
    return Artifact(name.encode().hex().rjust(64, "0"), "application/json", 1, role)


class Ledger:
    """Steps on any subjects."""

    def __init__(self) -> None:
        self.steps: list[RecordedStep] = []

    def add(
        self, subject: str, read: list[Artifact], made: list[Artifact], **fields: Any
    ) -> RecordedStep:
        started = len(self.steps) + 1
        record = one_step(subject, started=started, inputs=read, outputs=made, **fields)
        self.steps += record.recorded()
        return self.steps[-1]

    def readers(self, item: Artifact) -> list[RecordedStep]:
        return [step for step in self.steps if item.sha256 in [read.sha256 for read in step.inputs]]

    def forwards(self, beginning: RecordedStep, limit: int = 100) -> list[str]:
        return [step.subject for step in steps_forwards([beginning], self.readers, limit)]


def test_what_followed_is_found_across_subjects_and_nothing_else() -> None:
    ledger = Ledger()
    page = ledger.add("document:a", [data("scan")], [data("text")])
    ledger.add("document:b", [data("other scan")], [data("other text")])
    ledger.add("dataset:d", [data("text")], [data("manifest")])
    ledger.add("model:m", [data("manifest")], [data("weights")])
    ledger.add("anomaly:x", [data("weights"), data("readings")], [])
    assert ledger.forwards(page) == ["document:a", "dataset:d", "model:m", "anomaly:x"]


def test_equal_data_of_different_events_joins_nothing() -> None:
    ledger = Ledger()
    same = data("{}", "event")
    first = ledger.add("order:1", [], [same], events_out=["one"])
    ledger.add("order:2", [], [same], events_out=["two"])
    ledger.add("order:2", [same], [], events_in=["two"])
    ledger.add("order:1", [same], [], events_in=["one"])
    assert ledger.forwards(first) == ["order:1", "order:1"]


def test_it_ends_where_steps_go_round_and_at_the_limit() -> None:
    ledger = Ledger()
    first = ledger.add("a:1", [data("x")], [data("y")])
    ledger.add("a:2", [data("y")], [data("x")])
    assert ledger.forwards(first) == ["a:1", "a:2"]
    assert ledger.forwards(first, limit=1) == ["a:1"]
