"""A projection that raises leaves out what it cannot apply, and keeps nobody from the ledger."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lineal.errors import StoreUnavailable
from lineal.lineage.projections import Projection, project
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from tests.lineage.records import one_step

_TABLE = "CREATE TABLE {0} (subject TEXT NOT NULL, n INTEGER NOT NULL);"


def _projection(name: str, refused: str, error: Exception | None) -> Projection:
    def apply(connection: Connection, steps: Sequence[RecordedStep]) -> None:
        for step in steps:
            subject = step.entry.subject
            connection.execute(f"INSERT INTO {name} (subject, n) VALUES (?, 1)", (subject,))
            if subject == refused and error is not None:
                raise error
            if subject == refused:
                connection.execute("INSERT INTO no_such_place (n) VALUES (1)")

    tables = (Table(name, _TABLE.format(name)),)
    return Projection(name, tables, apply, subjects=("order:",))


def _subjects(connection: Connection, table: str) -> list[str]:
    return [row[0] for row in connection.execute(f"SELECT subject FROM {table}").fetchall()]


def _steps(*subjects: str) -> list[RecordedStep]:
    records = [one_step(subject) for subject in subjects]
    return [RecordedStep(r.build, r.actor, r.worker, r.steps[0]) for r in records]


@pytest.mark.parametrize("error", [KeyError("x"), None], ids=["raises", "wrong_statement"])
def test_a_step_that_one_projection_cannot_apply_is_left_out_there_alone(
    connection: Connection, error: Exception | None
) -> None:
    broken, sound = _projection("broken", "order:2", error), _projection("sound", "", None)
    for projection in broken, sound:
        connection.dialect.define(connection, projection.tables[0].sql)
    connection.execute("BEGIN")
    project(connection, _steps("order:1", "order:2", "order:3"), [broken, sound])
    assert _subjects(connection, "broken") == ["order:1", "order:3"]
    assert _subjects(connection, "sound") == ["order:1", "order:2", "order:3"]


def test_what_the_store_is_to_blame_for_is_no_projections_fault(connection: Connection) -> None:
    away = _projection("away", "order:2", StoreUnavailable("away"))
    connection.dialect.define(connection, away.tables[0].sql)
    connection.execute("BEGIN")
    with pytest.raises(StoreUnavailable):
        project(connection, _steps("order:2"), [away])
