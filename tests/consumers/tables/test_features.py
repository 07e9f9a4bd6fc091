"""Features know nothing of the future, and say what they are declared to say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal import Reject
from lineal_consumers.tables.buckets import bucket_of, bucketed, read_archive, to_archive
from lineal_consumers.tables.definition import DAY_US, Definition, read_definition
from lineal_consumers.tables.features import Examples, Rows, examples_of, features_as_of
from lineal_consumers.tables.sources import rows_of_file

DEFINITION = """
entity = "who"
time = "at"
horizon_days = 10
buckets = 4

[features.orders]
aggregate = "count"
[features.spent]
aggregate = "sum"
column = "amount"
[features.mean]
aggregate = "mean"
column = "amount"
[features.most]
aggregate = "max"
column = "amount"
[features.least]
aggregate = "min"
column = "amount"
[features.last]
aggregate = "last"
column = "amount"
[features.recent]
aggregate = "sum"
column = "amount"
days = 3
[features.quiet]
aggregate = "days_since_last"
[features.age]
aggregate = "days_since_first"
[features.gap]
aggregate = "mean_gap_days"

[targets.value]
aggregate = "sum"
column = "amount"
[targets.churn]
aggregate = "none"
"""
DECLARED = read_definition(DEFINITION.encode())


def rows(*values: tuple[str, float, float]) -> Rows:
    """Of who, day, amount."""
    return Rows(
        np.array([who for who, _, _ in values], np.str_),
        np.array([int(day * DAY_US) for _, day, _ in values], np.int64),
        {"amount": np.array([amount for *_, amount in values], np.float64)},
    )


def of(examples: Examples, who: str) -> dict[str, float]:
    (place,) = np.flatnonzero(examples.entity == who)
    found = dict(zip(DECLARED.features, examples.features[place].tolist(), strict=True))
    return found | {name: float(values[place]) for name, values in examples.targets.items()}


def test_each_aggregate_says_what_it_is_called() -> None:
    held = rows(("ann", 1, 10), ("ann", 5, 30), ("ann", 9, 20), ("bob", 2, 7), ("ann", 12, 5))
    ann = of(examples_of(held, DECLARED, (10 * DAY_US,)), "ann")
    assert ann == {
        "orders": 3, "spent": 60, "mean": 20, "most": 30, "least": 10, "last": 20, "recent": 20,
        "quiet": 1, "age": 9, "gap": 4, "value": 5, "churn": 0,
    }  # fmt: skip
    bob = of(examples_of(held, DECLARED, (10 * DAY_US,)), "bob")
    assert (bob["orders"], bob["quiet"], bob["churn"], bob["value"]) == (1, 8, 1, 0)
    assert np.isnan(bob["gap"])


some_rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(-5, 50).map(float)),
    max_size=25,
)


@given(some_rows, some_rows, st.integers(1, 25))
def test_nothing_that_happens_at_a_cutoff_or_later_changes_a_feature(
    known: list[tuple[str, float, float]], later: list[tuple[str, float, float]], cutoff: int
) -> None:
    before = [row for row in known if row[1] < cutoff]
    after = [(who, cutoff + day, amount) for who, day, amount in later]
    alone = features_as_of(rows(*before), DECLARED, cutoff * DAY_US)
    for found in (
        features_as_of(rows(*after, *before), DECLARED, cutoff * DAY_US),
        examples_of(rows(*before, *after), DECLARED, (cutoff * DAY_US,)),
    ):
        assert found.entity.tolist() == alone.entity.tolist()
        assert np.array_equal(found.features, alone.features, equal_nan=True)


@given(some_rows, st.integers(1, 25))
def test_targets_are_made_of_what_happens_from_the_cutoff_to_the_horizon_alone(
    known: list[tuple[str, float, float]], cutoff: int
) -> None:
    found = examples_of(rows(*known), DECLARED, (cutoff * DAY_US,))
    for place, who in enumerate(found.entity.tolist()):
        then = [a for w, day, a in known if w == who and cutoff <= day < cutoff + 10]
        assert found.targets["value"][place] == sum(then)
        assert found.targets["churn"][place] == (not then)


@given(some_rows, st.integers(1, 25))
def test_buckets_hold_every_entity_once_and_the_same_features(
    known: list[tuple[str, float, float]], as_of: int
) -> None:
    # In batches, whose longest names differ.
    batches = [rows(row) for row in known]
    made = list(bucketed(batches, DECLARED, as_of * DAY_US))
    alone = features_as_of(rows(*known), DECLARED, as_of * DAY_US)
    found = {
        who: part.to_score.features[place]
        for part in made
        for place, who in enumerate(part.to_score.entity.tolist())
    }
    assert sorted(found) == alone.entity.tolist()
    for place, who in enumerate(alone.entity.tolist()):
        assert np.array_equal(found[who], alone.features[place], equal_nan=True)


def test_an_entity_is_always_in_the_same_bucket() -> None:
    alone = bucket_of(np.array(["ann"]), 64)
    beside = bucket_of(np.array(["somebody with a long name", "ann"]), 64)
    assert beside[1] == alone[0]
    spread = np.bincount(bucket_of(np.array([f"c{n}" for n in range(6400)]), 64), minlength=64)
    assert 60 < spread.min() <= spread.max() < 140


def test_examples_are_of_cutoffs_whose_horizon_has_passed() -> None:
    declared = Definition.model_validate(
        DECLARED.model_dump() | {"cutoffs": ["1970-01-06", "1970-01-21"]}
    )
    assert declared.cutoffs_us(20 * DAY_US) == (5 * DAY_US,)
    assert DECLARED.cutoffs_us(20 * DAY_US) == (10 * DAY_US,)


def test_an_archive_holds_what_was_put_in_and_is_the_same_bytes_again(tmp_path: Path) -> None:
    made = examples_of(rows(("äx", 1, 10), ("b", 2, 3)), DECLARED, (5 * DAY_US,))
    data = to_archive(made, DECLARED)
    assert data == to_archive(made, DECLARED)
    file = tmp_path / "a.npz"
    file.write_bytes(data)
    read, names = read_archive(file)
    assert names == tuple(DECLARED.features)
    assert read.entity.tolist() == ["b", "äx"]
    assert np.array_equal(read.features, made.features, equal_nan=True)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_are_read_from_csv_and_parquet(tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    from pyarrow import csv, parquet

    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    table = pa.table({"who": ["a", "b", "a"], "at": times, "amount": [1, 2, 3], "other": [0, 0, 0]})
    file = tmp_path / f"rows.{kind}"
    if kind == "csv":
        csv.write_csv(table, file)
    else:
        parquet.write_table(table, file)
    (read,) = rows_of_file(file, DECLARED)
    assert read.entity.tolist() == ["a", "b", "a"]
    assert read.time.tolist() == [int(time.timestamp() * 1e6) for time in times]
    assert read.columns["amount"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": {"x": {"aggregate": "sum"}}}, "needs a column"),
        ({"features": {"x": {"aggregate": "count", "column": "amount"}}}, "takes no column"),
        ({"horizon": 3}, "horizon"),
    ],
)
def test_a_definition_that_cannot_be_used_says_why(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Definition.model_validate(DECLARED.model_dump() | change)


def test_a_table_without_a_declared_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("who,at\na,2026-01-01\n")
    with pytest.raises(Reject, match="amount"):
        list(rows_of_file(file, DECLARED))
