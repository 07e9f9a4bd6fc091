"""The aggregate ``last`` is the last value that is known."""

from __future__ import annotations

import numpy as np

from lineal_consumers.tables.definition import read_definition
from lineal_consumers.tables.features import Rows, features_as_of

DEFINITION = b"""
entity = "patient"
time = "at"
horizon_days = 1
[features.sugar]
aggregate = "last"
column = "sugar"
[targets.sugar]
aggregate = "sum"
column = "sugar"
"""


def test_a_newer_row_without_the_column_does_not_hide_an_older_value() -> None:
    rows = Rows(
        np.array(["a", "a", "a", "b"]),
        np.array([1, 2, 3, 1]),
        {"sugar": np.array([5.0, 6.0, np.nan, np.nan])},
    )
    found = features_as_of(rows, read_definition(DEFINITION), 10)
    assert found.features[0, 0] == 6
    assert np.isnan(found.features[1, 0])
