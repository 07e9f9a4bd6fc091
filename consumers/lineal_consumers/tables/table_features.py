"""What worker processes do with a table: features of all its entities, bucket by bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lineal_consumers.tables.buckets import bucketed, to_archive
from lineal_consumers.tables.definition import read_definition
from lineal_consumers.tables.features import Rows
from lineal_consumers.tables.sources import rows_of_file

_BINS = 10
_SAMPLE = 2000


class MadeBucket(NamedTuple):
    """The archives of a bucket, and how many examples are in each."""

    number: int
    to_learn: bytes
    learn_rows: int
    to_score: bytes
    score_rows: int


class MadeFeatures(NamedTuple):
    """What a worker process answers."""

    buckets: list[MadeBucket]
    rows_read: int
    sample: list[list[float]]
    """Features of some entities, to notice when the population changes; NaN where missing."""


def make_features(table: Path, definition: bytes, as_of_us: int) -> MadeFeatures:
    """Features and targets of all entities of a table.

    Raises:
        Reject: the definition cannot be used, or the table cannot be read.
    """
    declared = read_definition(definition)
    count = 0

    def batches() -> Iterator[Rows]:
        nonlocal count
        for rows in rows_of_file(table, declared):
            count += len(rows.time)
            yield rows

    made, samples = [], []
    each = max(1, _SAMPLE // declared.buckets)
    for bucket in bucketed(batches(), declared, as_of_us):
        learn, score = bucket.to_learn, bucket.to_score
        samples.append(score.features[:each])
        made.append(
            MadeBucket(
                bucket.number,
                to_archive(learn, declared),
                len(learn.entity),
                to_archive(score, declared),
                len(score.entity),
            )
        )
    return MadeFeatures(made, count, np.concatenate(samples).astype(float).tolist())


def population_shift(before: npt.ArrayLike, now: npt.ArrayLike) -> float:
    """The largest population stability index of a feature: the sum of (q - p) ln(q / p) over ten
    parts that were of equal size before, and what is missing."""
    old, new = np.asarray(before, float), np.asarray(now, float)
    if old.ndim != 2 or new.ndim != 2 or old.shape[1] != new.shape[1]:
        return float("inf")
    return max((_index(old[:, n], new[:, n]) for n in range(old.shape[1])), default=0.0)


def _index(old: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> float:
    known = old[~np.isnan(old)]
    cuts = np.quantile(known, np.arange(1, _BINS) / _BINS) if len(known) else np.empty(0)
    edges: npt.NDArray[np.float64] = np.unique(cuts)
    shares = []
    for values in (old, new):
        missing = np.isnan(values)
        parts = np.searchsorted(edges, values[~missing], side="right")
        counts = np.bincount(parts, minlength=len(edges) + 1).astype(float)
        found = np.append(counts, missing.sum())
        # Half a value more in each part: an empty one is not infinitely far away.
        shares.append((found + 0.5) / (found.sum() + 0.5 * len(found)))
    p, q = shares
    return float(((q - p) * np.log(q / p)).sum())
