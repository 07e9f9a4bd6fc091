"""What the ledger answers, and that what is undone leaves no trace in it."""

from __future__ import annotations

from typing import Any

import pytest

from lineal.errors import StoreDamaged
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.ledger import (
    Ledger,
    all_records,
    all_steps,
    records_of_actor,
    stale_input_events,
    steps_made_with,
    steps_of_artifact,
    steps_of_event,
    steps_of_subject,
)
from lineal.lineage.record import Artifact, Build, Record, UsedArtifact, merge_records
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
    model = UsedArtifact("eng", "1", "e0" * 32)
    other = UsedArtifact("deu", "1", "d0" * 32)
    with_it = record(build=Build("ocr", "1", "a" * 64, "b" * 64, (other, model)), started=1)
    without = record(build=Build("ocr", "1", "a" * 64, "b" * 64, (other,)), started=2)
    Ledger().append(connection, [with_it, without, record(started=3)])
    assert list(steps_made_with(connection, model.sha256)) == list(with_it.recorded())


EVENTS = (
    "6b0e6d0a-5c1f-5e0b-9d0c-7c8b8f3a2e11",
    "00000000-0000-0000-0000-000000000007",
    "6B0E6D0A-5C1F-4E0B-9D0C-7C8B8F3A2E11",
    "an id of somebody's own",
    "6b0e6d0a-5c1f-5e0b-9d0c-7c8b8f3a2e1g",
)


@pytest.mark.parametrize("event_id", EVENTS)
@pytest.mark.parametrize("fan_in", [False, True])
def test_an_event_leads_to_the_steps_that_handled_or_emitted_it(
    connection: Connection, event_id: str, fan_in: bool
) -> None:
    """And to no other record: what is between them cannot even be read."""
    emitted = ("a.made", "a.made", "b.made")
    events_in = [event_id, "another"] if fan_in else [event_id]
    handled = record(events_in=events_in, emitted=emitted, fan_in=fan_in, started=1)
    sent = record(build=None, actor="user:ann", kind="emit", events_out=[event_id], started=2)
    ledger = Ledger()
    for item in (handled, record(events_in=["c"], emitted=emitted, started=3), sent):
        ledger.append(connection, [item])
    connection.execute("UPDATE ledger SET record = ? WHERE seq = 2", (b"no record",))
    assert steps_of_event(connection, event_id) == [*handled.recorded(), *sent.recorded()]
    (step,) = handled.recorded()
    assert len(set(step.events_out)) == 3
    for derived in step.events_out:
        assert steps_of_event(connection, derived) == [step]
    assert steps_of_event(connection, "nobody's") == []
    assert [seq for seq, _ in records_of_actor(connection, "user:ann")] == [3]


def test_what_an_actor_did(connection: Connection) -> None:
    did = [
        record(actor="stage:ocr", started=1),
        record(actor="user:ann", started=2),
        record(actor="user:ann", build=None, started=3),
        record(actor="stage:nlp", started=4),
        record(actor="stage:ocr", build=NEW, started=5),
    ]
    for item in did:
        Ledger().append(connection, [item])
    found = {
        actor: [seq for seq, _ in records_of_actor(connection, actor)]
        for actor in ("stage:ocr", "stage:nlp", "user:ann", "user:an")
    }
    assert found == {"stage:ocr": [1, 5], "stage:nlp": [4], "user:ann": [2, 3], "user:an": []}


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
    old, new = (
        Build("ocr", "1", "a", "b", (UsedArtifact("eng", "1", d * 32),)) for d in ("e0", "e1")
    )
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


@pytest.mark.parametrize("kept", [b"", b"\x78\x9cno longer what zlib wrote"])
def test_a_record_that_cannot_be_unpacked_is_damage_and_says_what_to_do(
    connection: Connection, kept: bytes
) -> None:
    Ledger().append(connection, [record("document:a")])
    connection.execute("UPDATE ledger SET record = ?", (kept,))
    with pytest.raises(StoreDamaged, match="lineal verify"):
        steps_of_subject(connection, "document:a")
