"""Which model is in use: numbered by the ledger, so that no promotion is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineal.effects.effect import apply
from lineal.errors import StateConflict
from lineal.lineage.ledger import Ledger
from lineal.lineage.rebuild import rebuild
from lineal.lineage.record import Artifact
from lineal.store.connection import Connection
from lineal_catalog.models.changes import ModelChange
from lineal_catalog.models.promotions import model_in_use, promotion_attributes, promotions_of
from tests.lineage.records import one_step

A, B = "aa" * 32, "bb" * 32


def change(connection: Connection, sha256: str, counter: int, actor: str = "user:ann") -> None:
    """A promotion whose author expects it to have a number."""
    record = one_step(
        "model:turbine",
        kind="promote",
        actor=actor,
        inputs=[Artifact(sha256, "application/x-onnx", 9, "model")],
        attributes=promotion_attributes("turbine", counter, counter, "manual"),
    )
    Ledger().append(connection, [record])


def in_use(connection: Connection) -> tuple[int, str]:
    found = model_in_use(connection, "turbine")
    assert found is not None
    return found.counter, found.sha256


def test_of_two_who_count_at_once_the_second_has_the_next_number(connection: Connection) -> None:
    change(connection, A, 1)
    change(connection, B, 1, actor="stage:retrain.promote")
    assert [(one.counter, one.sha256) for one in promotions_of(connection)] == [(1, A), (2, B)]
    assert in_use(connection) == (2, B)


def test_a_promotion_that_is_handled_again_is_not_counted_again(connection: Connection) -> None:
    change(connection, A, 1)
    change(connection, B, 1)
    for _ in range(2):
        change(connection, B, 1)
        change(connection, A, 1)
    assert in_use(connection) == (2, B)


def test_a_model_may_come_into_use_again(connection: Connection) -> None:
    for counter, sha256 in enumerate((A, B, A), 1):
        change(connection, sha256, counter)
    assert in_use(connection) == (3, A)


def test_a_rebuild_gives_the_same_numbers(connection: Connection) -> None:
    for counter, sha256 in ((1, A), (1, B), (2, A)):
        change(connection, sha256, counter)
    before = promotions_of(connection)
    rebuild(connection)
    assert promotions_of(connection) == before


def test_a_rebuild_keeps_the_numbers_of_changes_that_are_not_recorded_yet(
    connection: Connection,
) -> None:
    """On Kafka a number is taken before its record is written."""
    taken = ModelChange("turbine", 1, "event-1", version=1, sha256=A, at=1)
    apply(connection, [taken])
    rebuild(connection)
    with pytest.raises(StateConflict):
        apply(connection, [replace(taken, event_id="event-2", sha256=B)])
