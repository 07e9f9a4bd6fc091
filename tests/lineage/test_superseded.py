"""Which events a newer version made anew, so that the older are out of date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Build, RecordedStep, StepEntry, record_of
from lineal.lineage.superseded import may_lack_source, superseded_events
from lineal.store.connection import Connection
from lineal_schemas.ids import source_mark
from tests.lineage.records import one_step


def made(stage: str, version: str, takes: str, makes: str = "", **fields: Any) -> RecordedStep:
    recorded = one_step(
        "order:1",
        Build(stage, version, "c" * 64, "f" * 64),
        events_in=takes.split(),
        events_out=makes.split(),
        **fields,
    )
    return next(recorded.recorded())


def test_events_of_one_subject_that_nothing_made_never_supersede_each_other() -> None:
    steps = [made("price", "1", f"order{n}", f"priced{n}") for n in range(11)]
    assert superseded_events(steps, "ship") == set()


def test_what_a_newer_version_makes_of_the_same_event_supersedes() -> None:
    steps = [made("read", "1", "in", "a1 a2"), made("read", "2", "in", "b1")]
    assert superseded_events(steps, "index") == {"a1", "a2"}
    back = [*steps, made("read", "1", "in", "a1 a2", kind="replay", outcome="memoised")]
    assert superseded_events(back, "index") == {"b1"}


def test_what_followed_from_it_is_out_of_date_too() -> None:
    steps = [
        made("classify", "1", "in", "c1"),
        made("read", "1", "c1", "r1"),
        made("classify", "2", "in", "c2"),
        made("read", "1", "c2", "r2"),
    ]
    assert superseded_events(steps, "index") == {"c1", "r1"}


def test_a_join_of_parts_of_which_one_was_made_anew_is_out_of_date() -> None:
    steps = [
        made("split", "1", "in", "p1 p2"),
        made("join", "1", "p1 p2", "j1"),
        made("split", "2", "in", "q1 q2"),
        made("join", "1", "q1 q2", "j2"),
    ]
    assert superseded_events(steps, "index") == {"p1", "p2", "j1"}


def test_an_attempt_that_failed_leaves_what_was_there() -> None:
    steps = [made("read", "1", "in", "a"), made("read", "2", "in", "letter", outcome="failed")]
    assert superseded_events(steps, "index") == set()


def test_what_a_stage_emits_for_itself_is_never_out_of_date_for_it() -> None:
    steps = [made("chain", "1", "k0", "k1"), made("chain", "2", "k0", "other")]
    assert superseded_events(steps, "chain") == set()


def test_events_of_two_sources_with_one_id_take_no_place_of_each_other() -> None:
    of_x, of_y = source_mark("1", "shop:x"), source_mark("1", "shop:y")

    def step(stage: str, mark: str | None, version: str = "1") -> RecordedStep:
        build = Build(stage, version, "a" * 64, "b" * 64)
        entry = StepEntry("order:1", 1, events_in=("1",), emitted=("order.line",), source_mark=mark)
        return RecordedStep(build, f"stage:{stage}", "host/1", entry)

    x, y = step("split", of_x), step("split", of_y)
    assert x.events_out != y.events_out
    assert superseded_events([x, y], "price") == set()
    newer = step("split", of_x, "2")
    assert superseded_events([x, y, newer], "price") == set(x.events_out)
    earlier = step("split", None)
    assert superseded_events([earlier, newer], "price") == set(earlier.events_out)


@pytest.mark.parametrize(
    ("ids", "marked", "expected"),
    [
        (["1", "2"], True, False),
        (["1", "2"], False, True),
        ([str(UUID(int=n)) for n in range(3)], False, False),
        # Who has seen UUIDs alone cannot say who wrote what follows.
        ([str(UUID(int=n)) for n in range(20)], False, True),
        ([], False, False),
    ],
)
def test_the_oldest_steps_tell_whether_an_earlier_lineal_wrote_some(
    connection: Connection, ids: Sequence[str], marked: bool, expected: bool
) -> None:
    build = Build("split", "1", "a" * 64, "b" * 64)
    for at, event_id in enumerate(ids):
        mark = source_mark(event_id, "shop:x") if marked else None
        entry = StepEntry(
            "order:1", at, events_in=(event_id,), emitted=("order.line",), source_mark=mark
        )
        record = record_of(entry, build=build, actor="stage:split", worker="host/1")
        Ledger().append(connection, [record])
    assert may_lack_source(connection, build) == expected
    assert not may_lack_source(connection, build._replace(version="2"))
