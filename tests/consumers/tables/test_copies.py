"""Entities that are in two parts of a dataset under two names, and such as only look alike."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.tables.copies import count_copies

CHANCE = np.random.default_rng(3)


def customers(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Most bought once, for one of few prices, on one of few days; the others all kinds."""
    rows = np.empty((count, 5))
    once = CHANCE.random(count) < 0.7
    rows[:, 0] = np.where(once, 1, CHANCE.integers(2, 9, count))
    rows[:, 1] = np.where(once, CHANCE.choice([9.99, 14.99], count), CHANCE.random(count) * 500)
    rows[:, 2] = CHANCE.integers(0, 30, count)
    rows[:, 3] = np.where(once, np.nan, CHANCE.random(count) * 90)
    rows[:, 4] = np.where(CHANCE.random(count) < 0.6, 0, CHANCE.choice([9.99, 14.99], count))
    return rows


def test_customers_who_only_look_alike_are_no_copies() -> None:
    learnt, others = customers(4000), customers(1000)
    seen = {row.tobytes() for row in learnt}
    assert sum(row.tobytes() in seen for row in others) > 300
    assert count_copies(learnt, others) == 0


def test_copies_are_found_that_have_values_of_their_own() -> None:
    learnt = customers(4000)
    bought_much = learnt[~np.isnan(learnt[:, 3])][:40]
    assert count_copies(learnt, np.concatenate([customers(1000), bought_much])) == 40


@given(st.integers(0, 30), st.integers(0, 30))
def test_any_number_of_rows(learnt: int, others: int) -> None:
    copies = count_copies(customers(learnt), customers(others))
    assert 0 <= copies <= others
