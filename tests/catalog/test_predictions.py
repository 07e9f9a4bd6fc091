"""What is kept of the predictions for tables."""

from __future__ import annotations

import json

from lineal.effects.effect import apply
from lineal.store.connection import Connection
from lineal_catalog.tables.predictions import (
    PREDICTIONS,
    PredictionSummary,
    highest_predictions,
    scored_tables,
)


def summary(bucket: int, as_of: int, **values: float) -> PredictionSummary:
    lines = [{"entity": entity, "value": value} for entity, value in values.items()]
    mean = sum(values.values()) / len(values)
    return PredictionSummary(
        "customers", "churn", as_of, bucket, as_of, len(values), mean, json.dumps(lines)
    )


def test_the_highest_of_all_buckets_are_found_and_the_mean_is_of_all_rows(
    connection: Connection,
) -> None:
    apply(connection, [summary(0, 5, ann=0.2, ben=0.9), summary(1, 5, cid=0.4)])
    (found,) = scored_tables(connection)
    assert (found.table, found.model, found.rows, round(found.mean, 6)) == (
        "customers", "churn", 3, 0.5,
    )  # fmt: skip
    highest = highest_predictions(connection, "customers", "churn", limit=2)
    assert [one.entity for one in highest] == ["ben", "cid"]
    (ann,) = highest_predictions(connection, "customers", "churn", entity="ANN")
    assert ann.value == 0.2


def test_newer_rows_take_the_place_of_older_ones_whatever_the_order(connection: Connection) -> None:
    apply(connection, [summary(0, 9, ann=0.1), summary(1, 5, old=0.8), summary(0, 5, ann=0.7)])
    assert [one.as_of_us for one in scored_tables(connection)] == [9]
    found = highest_predictions(connection, "customers", "churn")
    assert [(one.entity, one.value) for one in found] == [("ann", 0.1)]


def test_an_erased_table_leaves_nothing(connection: Connection) -> None:
    apply(connection, [summary(0, 5, ann=0.2)])
    assert PREDICTIONS.erase is not None
    assert PREDICTIONS.erase(connection, "table:customers", True) == 1
    assert PREDICTIONS.erase(connection, "table:customers", False) == 1
    assert scored_tables(connection) == []
