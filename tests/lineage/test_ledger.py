"""What the ledger answers, and that what is undone leaves no trace in it."""

from __future__ import annotations

from typing import Any

import pytest

from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.ledger import (
    Ledger,
    all_records,
    all_steps,
    stale_input_events,
    steps_of_artifact,
    steps_of_model,
    steps_of_subject,
)
from lineal.lineage.record import Artifact, Build, Model, Record, merge_records
from lineal.store.connection import Connection
from tests.lineage.records import one_step

OLD = Build("ocr", "1", "a" * 64, "b" * 64)
NEW = Build("ocr", "2", "a" * 64, "b" * 64)


def record(subject: str = "document:a", build: Build | None = OLD, **fields: Any) -> Record:
    return one_step(subject, build, **fields)


def artifact(name: str) -> Artifact:
    return Artifact(name * 32, "text/plain", 1, "text")


def test_the_lineage_of_a_document_in_its_order(connection: Connection) -> None:
    ledger = Ledger()
    ledger.append(connection, [record("document:a", started=1), record("document:b", started=2)])
    ledger.append(connection, [record("document:a", started=3)])
    times = [step.started for step in steps_of_subject(connection, "document:a")]
    assert times == [1, 3]
    assert steps_of_subject(connection, "document:c") == []


def test_steps_committed_together_are_one_record_and_each_in_its_lineage(
    connection: Connection,
) -> None:
    together = [record(f"document:{n % 3}", started=n) for n in range(9)]
    ledger = Ledger()
    ledger.append(connection, together)
    # As they come from a broker.
    ledger.append_canonical(connection, [canonical_bytes(r) for r in merge_records(together)])
    assert [len(kept.steps) for kept in all_records(connection)] == [9, 9]
    for n in range(3):
        times = [step.started for step in steps_of_subject(connection, f"document:{n}")]
        assert times == [n, n + 3, n + 6] * 2


def test_bytes_are_followed_forwards_and_backwards(connection: Connection) -> None:
    made = record(outputs=[artifact("11"), artifact("22")], started=1)
    read = record(inputs=[artifact("11")], outputs=[artifact("33")], started=2)
    Ledger().append(connection, [made, read])
    assert steps_of_artifact(connection, "11" * 32, made=True) == list(made.recorded())
    assert steps_of_artifact(connection, "11" * 32, made=False) == list(read.recorded())
    assert steps_of_artifact(connection, "22" * 32, made=False) == []
    # Another digest that begins alike is another artifact.
    assert steps_of_artifact(connection, "11" * 8 + "00" * 24, made=True) == []


def test_everything_made_with_a_model(connection: Connection) -> None:
    model = Model("eng", "1", "e0" * 32)
    other = Model("deu", "1", "d0" * 32)
    with_it = record(build=Build("ocr", "1", "a" * 64, "b" * 64, (other, model)), started=1)
    without = record(build=Build("ocr", "1", "a" * 64, "b" * 64, (other,)), started=2)
    Ledger().append(connection, [with_it, without, record(started=3)])
    assert list(steps_of_model(connection, model.sha256)) == list(with_it.recorded())


def test_stale_is_what_another_build_looked_at_last(connection: Connection) -> None:
    Ledger().append(
        connection,
        [
            record(build=OLD, events_in=["only old"]),
            record(build=OLD, events_in=["old, then new"]),
            record(build=NEW, events_in=["old, then new"]),
            record(build=NEW, events_in=["new, then old"]),
            record(build=OLD, events_in=["new, then old"]),
            record(build=NEW, events_in=["only new"]),
            record(build=OLD, events_in=["part 1", "part 2"], kind="join"),
            record(build=OLD, events_in=["failed"], outcome="failed"),
            record(build=NEW, events_in=["new, then old again"]),
            record(build=OLD, kind="replay", outcome="memoised", events_in=["new, then old again"]),
            record(build=Build("nlp", "1", "", ""), events_in=["of another stage"]),
            record(build=None, events_in=["of a person"], kind="redrive"),
        ],
    )
    assert stale_input_events(connection, NEW) == {
        "only old", "new, then old", "part 1", "part 2", "failed", "new, then old again",
    }  # fmt: skip
    assert stale_input_events(connection, OLD) == {"old, then new", "only new"}


@pytest.mark.parametrize("changed", [("2", "a", "b"), ("1", "c", "b"), ("1", "a", "c")])
def test_version_code_and_configuration_each_make_stale(
    connection: Connection, changed: tuple[str, str, str]
) -> None:
    Ledger().append(connection, [record(build=Build("ocr", "1", "a", "b"), events_in=["x"])])
    assert stale_input_events(connection, Build("ocr", *changed)) == {"x"}
    assert stale_input_events(connection, Build("ocr", "1", "a", "b")) == frozenset()


def test_another_model_makes_stale(connection: Connection) -> None:
    old, new = (Build("ocr", "1", "a", "b", (Model("eng", "1", d * 32),)) for d in ("e0", "e1"))
    Ledger().append(connection, [record(build=old, events_in=["x"])])
    assert stale_input_events(connection, new) == {"x"}
    assert stale_input_events(connection, old) == frozenset()


def test_an_append_that_is_undone_is_forgotten_whole(connection: Connection) -> None:
    """Also which builds there are: else later records would be said to be of another build."""
    ledger = Ledger()
    connection.execute("BEGIN")
    ledger.append(connection, [record(build=OLD, events_in=["undone"])])
    connection.execute("ROLLBACK")
    Ledger().append(connection, [record(build=NEW, events_in=["of the new"])])
    ledger.append(connection, [record(build=OLD, events_in=["of the old"])])
    assert stale_input_events(connection, NEW) == {"of the old"}
    assert stale_input_events(connection, OLD) == {"of the new"}
    assert [r.events_in for r in all_steps(connection)] == [("of the new",), ("of the old",)]


def test_records_of_many_at_once_keep_their_order(connection: Connection) -> None:
    Ledger().append(connection, [record(started=n) for n in range(500)])
    assert [r.started for r in all_steps(connection)] == list(range(500))
