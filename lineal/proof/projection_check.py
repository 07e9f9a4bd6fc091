"""Whether the tables of projections say what the ledger says.

They are made once more, as temporary tables of the connection, which hide the true ones from
whoever names them without their schema; then both are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from lineal.lineage.projections import (
    LeftOut,
    Projection,
    installed_projections,
    project,
    projected,
)
from lineal.lineage.record import Record, RecordedStep
from lineal.proof.verification import VerificationContext
from lineal.store.connection import Connection
from lineal.store.derived_table import Table

_BATCH_SIZE = 20_000
"""Steps that are applied together: of several of one subject a row is written once."""
_SHOWN = 40
"""Characters of what names a row."""


class ProjectionReader:
    """See :class:`lineal.proof.record_pass.RecordReader`."""

    reads_records = "tables"

    def __init__(self) -> None:
        self._connection: Connection
        self._steps: list[RecordedStep] = []
        self._projections: list[Projection] = []
        self._handled: tuple[frozenset[str], tuple[str, ...]]
        """Kinds of steps, and beginnings of subjects."""
        self._places: dict[str, str | None] = {}
        """Of the true tables; None of one that is missing."""
        self._left_out: dict[str, LeftOut] = {}
        """By projection."""

    def begin(self, context: VerificationContext) -> None:
        self._connection = connection = context.connection
        self._steps, self._projections, self._places = [], [], {}
        self._left_out = {}
        self._handled = projected()
        for projection in installed_projections():
            if projection.apply is None:
                continue
            self._projections.append(projection)
            for table in projection.tables:
                there = connection.dialect.has_table(connection, table.name)
                hidden = connection.dialect.shadow(connection, table)
                self._places[table.name] = hidden if there else None

    def add(self, seq: int, build: int | None, record: Record) -> None:
        kinds, subjects = self._handled
        header = record.build, record.actor, record.worker
        self._steps += [
            RecordedStep(*header, entry)
            for entry in record.steps
            if entry.subject.startswith(subjects) or entry.kind in kinds
        ]
        if len(self._steps) >= _BATCH_SIZE:
            self._apply()

    def _apply(self) -> None:
        project(self._connection, self._steps, self._projections, self._note_left_out)
        self._steps = []

    def _note_left_out(self, more: LeftOut) -> None:
        before = self._left_out.get(more.projection)
        steps = more.steps + (before.steps if before else 0)
        self._left_out[more.projection] = (before or more)._replace(steps=steps)

    def findings(self) -> Iterator[str]:
        self._apply()
        # Neither the true tables nor these have them, and so they are equal.
        for left_out in self._left_out.values():
            yield f"{left_out}; `lineal rebuild` applies them once its package is mended"
        try:
            for projection in self._projections:
                for table in projection.tables:
                    if table.from_records:
                        yield from self._compare(table)
        finally:
            for name in self._places:
                self._connection.execute(f"DROP TABLE {self._shadow(name)}")

    def _shadow(self, name: str) -> str:
        return f"{self._connection.dialect.temporary_schema}.{name}"

    def _compare(self, table: Table) -> Iterator[str]:
        there, expected = self._places[table.name], self._shadow(table.name)
        if there is None:
            # A daemon makes that of a package that was installed since, perhaps with nothing in it.
            if self._connection.execute(f"SELECT 1 FROM {expected} LIMIT 1").fetchone():
                yield f"the table {table.name} is missing: `lineal rebuild` makes it"
            return
        if self._same_in_order(there, expected):
            return
        too_many = self._difference(there, expected)
        too_few = self._difference(expected, there)
        named = {_name(row) for row in too_many}
        for row in too_few:
            verb = "is not what the ledger says" if _name(row) in named else "is missing"
            yield f"{table.name}: the row of {_name(row)} {verb}"
        changed = {_name(row) for row in too_few}
        for row in too_many:
            if _name(row) not in changed:
                yield f"{table.name}: the ledger knows no row of {_name(row)}"

    def _same_in_order(self, one: str, other: str) -> bool:
        """Whether two tables give out equal rows one after the other, as SQLite does from tables
        that it keeps in the order of their keys. If not, they may be equal all the same."""
        connection = self._connection
        if connection.dialect.name != "sqlite":  # keeps them in no order, and sends all at once
            return False
        rows, others = (connection.execute(f"SELECT * FROM {name}") for name in (one, other))
        return all(row == like for row, like in zip_longest(rows, others))

    def _difference(self, one: str, other: str) -> Sequence[Any]:
        return self._connection.execute(
            f"SELECT * FROM {one} EXCEPT SELECT * FROM {other}"
        ).fetchall()


def _name(row: Sequence[Any]) -> str:
    """The row with its identifying columns first."""
    return str(row[0])[:_SHOWN]
