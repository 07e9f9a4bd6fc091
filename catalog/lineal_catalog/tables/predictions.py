"""The effect of scoring a table, the rows it is written to, and questions about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from lineal.effects.effect import Effect, register
from lineal.lineage.projections import Projection
from lineal.store import copying
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore

HIGHEST = 50
"""Of each bucket so many entities are kept, those with the highest predictions: the highest of a
whole table are among them."""
_TABLE_SUBJECT = "table:"


@dataclass(frozen=True, slots=True)
class PredictionSummary(Effect):
    """What a model says of a bucket of a table, in short."""

    kind: ClassVar[str] = "prediction_summary"
    read_by_others: ClassVar[bool] = True

    table: str
    model: str
    version: int
    bucket: int
    as_of_us: int
    rows: int
    mean: float
    highest: str
    """A JSON array of what ``prediction.made`` has of each of these entities."""


class ScoredTable(NamedTuple):
    """What a model says of a table as a whole."""

    table: str
    model: str
    version: int
    as_of_us: int
    """What was known: rows of before this time."""
    rows: int
    mean: float


class Prediction(NamedTuple):
    """What a model says of an entity."""

    entity: str
    value: float
    reasons: tuple[dict[str, Any], ...]
    """``feature``, ``value`` and ``moved``, the one that moved it most first."""


def _apply(connection: Connection, changes: Sequence[PredictionSummary]) -> None:
    for change in changes:
        connection.execute(
            "DELETE FROM predictions WHERE table_name = ? AND model = ? AND as_of_us < ?",
            (change.table, change.model, change.as_of_us),
        )
        connection.execute(
            "INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (table_name, model, bucket) DO UPDATE SET version = excluded.version, "
            "as_of_us = excluded.as_of_us, row_count = excluded.row_count, mean = excluded.mean, "
            "highest = excluded.highest WHERE excluded.as_of_us >= predictions.as_of_us",
            (change.table, change.model, change.bucket, change.version, change.as_of_us,
             change.rows, change.mean, change.highest),
        )  # fmt: skip


register(_apply, PredictionSummary)


def scored_tables(connection: Connection, table: str | None = None) -> list[ScoredTable]:
    """What models say of tables, or of one; the newest first."""
    where, values = ("", ()) if table is None else ("AND p.table_name = ?", (table,))
    rows = connection.execute(
        "SELECT p.table_name, p.model, max(p.version), p.as_of_us, sum(p.row_count), "
        "sum(p.mean * p.row_count) FROM predictions AS p WHERE p.as_of_us = (SELECT "
        "max(n.as_of_us) FROM predictions AS n WHERE n.table_name = p.table_name "
        f"AND n.model = p.model) {where} GROUP BY p.table_name, p.model, p.as_of_us "
        "ORDER BY p.as_of_us DESC, p.table_name, p.model",
        values,
    )
    return [
        ScoredTable(name, model, version, as_of, int(count), float(total) / max(1, int(count)))
        for name, model, version, as_of, count, total in rows
    ]


def highest_predictions(
    connection: Connection, table: str, model: str, *, entity: str = "", limit: int = HIGHEST
) -> list[Prediction]:
    """The highest predictions of a model for a table.

    Args:
        entity: only of those among them whose name has this in it, in any case.
    """
    rows = connection.execute(
        "SELECT highest FROM predictions WHERE table_name = ? AND model = ? AND as_of_us = "
        "(SELECT max(as_of_us) FROM predictions WHERE table_name = ? AND model = ?)",
        (table, model, table, model),
    )
    found = [
        Prediction(str(line["entity"]), float(line["value"]), tuple(line.get("reasons", ())))
        for (highest,) in rows
        for line in json.loads(highest)
        if entity.casefold() in str(line["entity"]).casefold()
    ]
    return sorted(found, key=lambda one: (-one.value, one.entity))[:limit]


_PREDICTIONS = """
CREATE TABLE predictions (
    table_name TEXT NOT NULL,
    model TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    version INTEGER NOT NULL,
    as_of_us INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    mean REAL NOT NULL,
    highest TEXT NOT NULL,
    PRIMARY KEY (table_name, model, bucket)
) WITHOUT ROWID;
"""


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    table = copying.Table(
        "predictions", "predictions of tables", ("table_name", "model", "bucket"),
        ("version", "as_of_us", "row_count", "mean", "highest"),
    )  # fmt: skip
    await copying.equal_rows(source, target, table, progress)


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    if not subject.startswith(_TABLE_SUBJECT):
        return 0
    name = (subject.removeprefix(_TABLE_SUBJECT),)
    row = connection.execute(
        "SELECT count(*) FROM predictions WHERE table_name = ?", name
    ).fetchone()
    if not dry:
        connection.execute("DELETE FROM predictions WHERE table_name = ?", name)
    return int(row[0])


PREDICTIONS = Projection(
    "predictions", (Table("predictions", _PREDICTIONS),), copy=_copy, erase=_erase
)
