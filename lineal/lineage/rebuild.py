"""Fills the tables of projections from the ledger and the objects."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

import structlog

from lineal.lineage.ledger import all_steps
from lineal.lineage.projections import (
    LeftOut,
    Projection,
    installed_projections,
    project,
    report_left_out,
)
from lineal.store.connection import Connection

log = structlog.get_logger(__name__)

_BATCH_SIZE = 1_000
_REPORT_SECONDS = 5.0


def rebuild(
    connection: Connection, on_left_out: Callable[[LeftOut], object] = report_left_out
) -> int:
    """Empty the tables that are made from records, and fill them from all steps.

    Args:
        on_left_out: called with steps that a projection could not apply.

    Returns:
        How many steps there were.
    """
    from_records = [item for item in installed_projections() if item.apply is not None]
    return _fill(connection, from_records, on_left_out)


def make_missing(connection: Connection) -> list[str]:
    """Make the tables of projections that were installed after the store was made, and fill those
    that are made from records, in the caller's transaction; returns the names of the projections.

    The log says how far a long ledger is read. Tables that effects of steps write stay empty until
    their stage handles events again.
    """
    connection.dialect.lock_ledger(connection)
    missing = [item for item in installed_projections() if _lacks_tables(connection, item)]
    from_records = [item for item in missing if item.apply is not None]
    if from_records:
        _fill(connection, from_records)
    for projection in missing:
        if projection.apply is None:
            _define(connection, projection)
            if not projection.cache:
                log.warning(
                    "projection.empty",
                    projection=projection.name,
                    fill="`lineal replay` of the stage that writes it, if it has handled events "
                    "before",
                )
    return [projection.name for projection in missing]


def _lacks_tables(connection: Connection, projection: Projection) -> bool:
    dialect = connection.dialect
    return not all(dialect.has_table(connection, table.name) for table in projection.tables)


def _define(connection: Connection, projection: Projection) -> None:
    for table in projection.tables:
        if not connection.dialect.has_table(connection, table.name):
            connection.dialect.recreate(connection, table)


def _fill(
    connection: Connection,
    projections: Sequence[Projection],
    on_left_out: Callable[[LeftOut], object] = report_left_out,
) -> int:
    """Empty tables, made where missing, and fill them from all steps; returns how many.

    What effects of steps wrote stays: no record brings it back.
    """
    names = [projection.name for projection in projections]
    for projection in projections:
        _define(connection, projection)
        for table in projection.tables:
            if table.from_records:
                connection.dialect.recreate(connection, table)
    count, reported = 0, time.monotonic()
    steps = all_steps(connection)
    while batch := list(islice(steps, _BATCH_SIZE)):
        project(connection, batch, projections, on_left_out)
        count += len(batch)
        if time.monotonic() - reported > _REPORT_SECONDS:
            reported = time.monotonic()
            log.info("projection.filling", projections=names, steps=count)
    log.info("projection.filled", projections=names, steps=count)
    return count
