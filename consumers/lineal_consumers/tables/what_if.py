"""Answers what a model would say if features of an entity had other values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lineal import Reject
from lineal_consumers.tables.buckets import bucket_of, read_archive
from lineal_consumers.tables.scoring import TableScorer, load_scorer
from lineal_schemas.tables import (
    Estimate,
    FeatureBucket,
    OutsideRange,
    PredictionAsked,
    Reason,
    TableFeatures,
)

Row = npt.NDArray[np.float32]


class WhatIf(NamedTuple):
    """What a worker process answers."""

    now: Estimate
    then: Estimate | None
    outside: tuple[OutsideRange, ...]


def bucket_with(entity: str, features: TableFeatures) -> FeatureBucket:
    """Where the features of an entity are."""
    number = int(bucket_of(np.array([entity], np.str_), len(features.buckets))[0])
    return next(bucket for bucket in features.buckets if bucket.bucket == number)


def answer_question(
    asked: PredictionAsked, bucket: Path | None, model: str, reasons: int
) -> WhatIf:
    """Score a row as it is and with its changes; run in a worker process.

    Args:
        bucket: where the features of the entity are; None: the row is in the question.

    Raises:
        Reject: there is no such entity, or the model has no such feature.
    """
    scorer = load_scorer(model)
    row = _row_of(asked, bucket, scorer)
    changed = _with(row, asked.changes, scorer.features)
    rows = np.stack([row, changed])
    estimates = [
        Estimate(
            value=round(value, 6), low=_rounded(bounds.low), high=_rounded(bounds.high),
            outcomes=bounds.outcomes, reasons=tuple(Reason(**reason) for reason in why),
        )
        for value, bounds, why in zip(
            scorer.values(rows, scorer.features).tolist(),
            scorer.bounds(rows, asked.coverage),
            scorer.reasons(rows, reasons),
            strict=True,
        )
    ]  # fmt: skip
    then = estimates[1] if asked.changes else None
    return WhatIf(estimates[0], then, _outside(changed, scorer))


def _row_of(asked: PredictionAsked, bucket: Path | None, scorer: TableScorer) -> Row:
    if asked.row is not None:
        nothing = np.full(len(scorer.features), np.nan, np.float32)
        return _with(nothing, asked.row, scorer.features)
    if bucket is None:
        raise Reject("the table has no features yet: have its rows arrive")
    examples, names = read_archive(bucket)
    if names != scorer.features:
        raise Reject("the rows have other features than the model was trained with")
    places = np.flatnonzero(examples.entity == asked.entity)
    if not len(places):
        raise Reject(f"the table has no rows of {asked.entity!r}")
    row: Row = examples.features[places[0]]
    return row


def _with(row: Row, changes: Mapping[str, float | None], names: tuple[str, ...]) -> Row:
    changed = row.copy()
    for name, value in changes.items():
        if name not in names:
            raise Reject(f"the model has no feature {name!r}: {', '.join(names)}")
        changed[names.index(name)] = np.nan if value is None else value
    return changed


def _outside(row: Row, scorer: TableScorer) -> tuple[OutsideRange, ...]:
    values: list[Any] = row.tolist()
    return tuple(
        OutsideRange(
            feature=name,
            value=None if np.isnan(value) else value,
            low=learnt.low,
            high=learnt.high,
        )
        for name, value, learnt in zip(
            scorer.features, values, scorer.uncertainty.ranges, strict=True
        )
        if not learnt.holds(value)
    )


def _rounded(bound: float | None) -> float | None:
    return None if bound is None else round(bound, 6)
