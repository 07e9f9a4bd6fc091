"""Applying effects: again after a crash, together, and after others."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.effects.claims import Claim
from lineal.effects.effect import Effect, apply, register
from lineal.effects.fan_in import FanInDone, FanInPart, PartWithdrawn
from lineal.effects.memo import MemoEntry
from lineal.effects.objects import ObjectPut
from lineal.effects.records import LineageRecord
from lineal.effects.state import StateChange
from lineal.effects.timers import TimerCancelled, TimerSet
from lineal.errors import StateConflict
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.ledger import stored_bytes
from lineal.lineage.record import Artifact, digest
from lineal.store.connection import Connection
from lineal.store.memo import MemoOutput, pack
from lineal.store.sqlite import connect
from lineal.store.tables import create_tables
from lineal_catalog.search.effect import SearchEntries
from lineal_catalog.search.pages import SearchPage
from lineal_producers.mqtt.effects import DevicePositionPut, NoticePut
from lineal_schemas.envelope import from_attributes
from tests.lineage.records import one_step
from tests.long import examples

TABLES = "state", "memo", "objects", "timers", "fan_in_groups", "claims", "search_entries"
NAMES = st.sampled_from(["a", "b"])
VALUES = st.sampled_from([b"1", b"2"])
EVENTS = st.sampled_from([f"e{number}" for number in range(4)])


def part(event_id: str) -> bytes:
    return from_attributes({"id": event_id, "source": "s", "type": "t"}, b"").to_json(exact=True)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    opened = connect(tmp_path_factory.mktemp("effects") / "lineal.db", "normal")
    create_tables(opened)
    yield opened
    opened.close()


def content(connection: Connection) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for table in TABLES:
        columns = "*" if table != "search_entries" else "document_id, page"
        found[table] = connection.execute(f"SELECT {columns} FROM {table}").fetchall()
        found[table].sort(key=repr)
    found["search"] = connection.execute("SELECT text FROM search_text ORDER BY text").fetchall()
    found["facets"] = connection.execute("SELECT * FROM search_facets").fetchall()
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[Effect]:
    """What steps may leave, one after the other: each change of state follows the last."""
    known: dict[tuple[str, str], StateChange] = {}
    effects: list[Effect] = []
    for number in range(draw(st.integers(0, 12))):
        name, value = draw(NAMES), draw(VALUES)
        kind = draw(st.integers(0, 9))
        if kind == 0:
            last = known.get(("s", name))
            change = StateChange(
                "s",
                name,
                f"e{number}",
                None if last is None else last.event_id,
                None if last is None else last.after,
                draw(st.none() | VALUES),
                number,
            )
            known["s", name] = change
            effects.append(change)
        elif kind == 1:
            outputs = pack([MemoOutput("x.y", 1, value, None, None)])
            effects.append(MemoEntry(name.encode(), outputs))
        elif kind == 2:
            effects.append(ObjectPut(value))
        elif kind == 3:
            effects.append(TimerSet("s", name, number, value))
        elif kind == 4:
            effects.append(TimerCancelled("s", name))
        elif kind == 5:
            effects.append(FanInPart("s", name, draw(st.integers(0, 2)), part(draw(EVENTS))))
        elif kind == 6:
            effects.append(FanInDone("s", name, draw(EVENTS), number))
        elif kind == 9:
            index, event_id = draw(st.integers(0, 2)), draw(EVENTS)
            effects.append(PartWithdrawn("s", name, index, event_id, f"w{event_id}", number))
        elif kind == 7:
            effects.append(Claim("s", name, draw(EVENTS)))
        else:
            effects.append(SearchEntries(name, (SearchPage(1, value.decode()),), {"k": name}))
    if draw(st.booleans()):
        effects += [DevicePositionPut("device/a", draw(VALUES)), NoticePut("notify/a", b"n")]
    return effects


@settings(max_examples=examples(150))
@given(effects=histories())
def test_effects_applied_again_after_a_crash_change_nothing(
    connection: sqlite3.Connection, effects: Sequence[Effect]
) -> None:
    connection.execute("BEGIN")
    try:
        apply(connection, effects)  # type: ignore[arg-type]
        once = content(connection)  # type: ignore[arg-type]
        apply(connection, effects)  # type: ignore[arg-type]
        assert content(connection) == once  # type: ignore[arg-type]
    finally:
        connection.execute("ROLLBACK")


@settings(max_examples=examples(100))
@given(effects=histories())
def test_effects_applied_together_are_those_applied_one_by_one(
    connection: sqlite3.Connection, effects: Sequence[Effect]
) -> None:
    tables = []
    for batches in ([effects], [[effect] for effect in effects]):
        connection.execute("BEGIN")
        try:
            for batch in batches:
                apply(connection, batch)  # type: ignore[arg-type]
            tables.append(content(connection))  # type: ignore[arg-type]
        finally:
            connection.execute("ROLLBACK")
    for rows in tables:
        rows["memo"] = sorted(row[1:] for row in rows["memo"])  # type: ignore[index]
    assert tables[0] == tables[1]


def test_two_changes_of_the_same_value_conflict_also_within_a_batch(
    connection: sqlite3.Connection,
) -> None:
    changes = [StateChange("s", "k", event, None, None, b"1", 1) for event in ("e1", "e2")]
    with pytest.raises(StateConflict):
        apply(connection, changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Objects(Effect):
    """Looks for an object when it is applied, as a projection does."""

    kind: ClassVar[str] = "test.looks"
    read_by_others: ClassVar[bool] = False
    last: ClassVar[bool] = True

    found: list[int]


def _look(connection: Connection, looks: Sequence[Objects]) -> None:
    (count,) = connection.execute("SELECT count(*) FROM objects").fetchone()
    looks[0].found.append(count)


register(_look, Objects)


def test_a_record_finds_the_objects_that_are_put_beside_it(connection: sqlite3.Connection) -> None:
    made = Artifact(digest(b"x"), "text/plain", 1, "text")
    canonical = canonical_bytes(one_step("task:a", outputs=[made]))
    found: list[int] = []
    connection.execute("BEGIN")
    try:
        apply(
            connection,  # type: ignore[arg-type]
            [LineageRecord(canonical), Objects(found), ObjectPut(b"x")],
        )
        ((kept,),) = connection.execute("SELECT record FROM ledger").fetchall()
    finally:
        connection.execute("ROLLBACK")
    assert stored_bytes(kept) == canonical
    assert found == [1]


def test_two_types_of_one_name_are_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Other(Effect):
        kind: ClassVar[str] = "state"
        read_by_others: ClassVar[bool] = True

    with pytest.raises(ValueError, match="'state'"):
        register(lambda connection, effects: None, Other)


def test_effects_can_be_handed_to_another_process() -> None:
    change = StateChange("s", "k", "e", None, None, b"1", 1)
    assert pickle.loads(pickle.dumps(change)) == change
