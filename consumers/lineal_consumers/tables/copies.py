"""Finds entities of one part of a dataset that are those of another part under another name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_OWN_VALUES = 2


def count_copies(learnt: Floats, others: Floats) -> int:
    """How many of the other rows are copies of learnt ones.

    Two rows with the same values may be two entities: who bought one thing once looks like others
    who did. They are copies where two of the values, at least, are those of no further row.

    Args:
        learnt: rows by columns, features and truth; NaN where there is no value.
        others: the same columns.
    """
    rows = np.nan_to_num(np.concatenate([learnt, others]), nan=-np.inf)
    alike = _numbers(rows)
    size = np.bincount(alike)[alike]
    own = np.zeros(len(rows), np.int64)
    for column in rows.T:
        values = _numbers(column[:, None])
        own += np.bincount(values)[values] == size
    is_learnt = np.zeros(alike.max(initial=-1) + 1, bool)
    is_learnt[alike[: len(learnt)]] = True
    behind = slice(len(learnt), None)
    return int((is_learnt[alike[behind]] & (own[behind] >= _OWN_VALUES)).sum())


def _numbers(rows: Floats) -> npt.NDArray[np.int64]:
    """Numbers from 0 that rows have alike when they are alike."""
    order = np.lexsort(rows.T)
    differs = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    numbers = np.empty(len(rows), np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(differs)]) if len(rows) else 0
    return numbers
