"""What the ledger answers, and that what is undone leaves no trace in it."""

from __future__ import annotations

from typing import Any

import pytest

from lineal.lineage.ledger import (
    Ledger,
    all_records,
    records_of_artifact,
    records_of_model,
    records_of_root,
    stale_input_events,
)
from lineal.lineage.record import Artifact, Build, Model, Record, Repeat, parse_record
from lineal.store.connection import Connection

OLD = Build("ocr", "1", "a" * 64, "b" * 64)
NEW = Build("ocr", "2", "a" * 64, "b" * 64)


def record(root: str = "document:a", build: Build | None = OLD, **fields: Any) -> Record:
    return Record(
        kind=fields.pop("kind", "step"),
        root=root,
        build=build,
        started=fields.pop("started", 1),
        duration=1,
        outcome=fields.pop("outcome", "done"),
        actor="stage:x",
        worker="host/1",
        **fields,
    )


def artifact(name: str) -> Artifact:
    return Artifact(name * 32, "text/plain", 1, "text")


def test_the_story_of_a_document_in_its_order(connection: Connection) -> None:
    ledger = Ledger()
    ledger.append(connection, [record("document:a", started=1), record("document:b", started=2)])
    ledger.append(connection, [record("document:a", started=3)])
    story = [parse_record(r).started for r in records_of_root(connection, "document:a")]
    assert story == [1, 3]
    assert records_of_root(connection, "document:c") == []


def test_what_a_replay_emitted_again_is_part_of_each_story_it_is_about(
    connection: Connection,
) -> None:
    replayed = record(
        "stage:ocr",
        kind="replay",
        outcome="memoised",
        repeats=[
            Repeat("document:a", "0a" * 32, "1", ("x",)),
            Repeat("document:b", "0b" * 32, "2", ("y",)),
            Repeat("document:a", "0c" * 32, "3", ("z",)),
        ],
    )
    ledger = Ledger()
    ledger.append(connection, [record("document:a"), replayed])
    # As it comes from a broker.
    ledger.append_canonical(connection, [replayed.canonical()])
    for root, taken in (("document:a", ["1", "3"]), ("document:b", ["2"])):
        *_, first, second = [parse_record(r) for r in records_of_root(connection, root)]
        assert first == second == replayed.about(root)
        assert first.events_in == taken
    whole = [parse_record(r) for r in records_of_root(connection, "stage:ocr")]
    assert whole == [replayed, replayed]
    assert list(all_records(connection))[1:] == [replayed, replayed]
    assert records_of_root(connection, "document:c") == []


def test_bytes_are_followed_forwards_and_backwards(connection: Connection) -> None:
    made = record(outputs=[artifact("11"), artifact("22")], started=1)
    read = record(inputs=[artifact("11")], outputs=[artifact("33")], started=2)
    Ledger().append(connection, [made, read])
    assert records_of_artifact(connection, "11" * 32, made=True) == [made]
    assert records_of_artifact(connection, "11" * 32, made=False) == [read]
    assert records_of_artifact(connection, "22" * 32, made=False) == []
    # Another digest that begins alike is another artifact.
    assert records_of_artifact(connection, "11" * 8 + "00" * 24, made=True) == []


def test_everything_made_with_a_model(connection: Connection) -> None:
    model = Model("eng", "1", "e0" * 32)
    other = Model("deu", "1", "d0" * 32)
    with_it = record(build=Build("ocr", "1", "a" * 64, "b" * 64, (other, model)), started=1)
    without = record(build=Build("ocr", "1", "a" * 64, "b" * 64, (other,)), started=2)
    Ledger().append(connection, [with_it, without, record(started=3)])
    assert list(records_of_model(connection, model.sha256)) == [with_it]


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
            record(build=OLD, kind="replay", repeats=[Repeat("r", "s", "new, then old again", ())]),
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
    assert [r.events_in for r in all_records(connection)] == [["of the new"], ["of the old"]]


def test_records_of_many_at_once_keep_their_order(connection: Connection) -> None:
    Ledger().append(connection, [record(started=n) for n in range(500)])
    assert [r.started for r in all_records(connection)] == list(range(500))
