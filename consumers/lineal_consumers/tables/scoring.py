"""Scores the rows of a bucket, and says which features moved each prediction most."""

from __future__ import annotations

import gzip
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from lineal import Reject
from lineal_consumers.tables.uncertainty import Bounds, Uncertainty

_CHUNK = 16_384
_COVERAGE_ROWS = 1000
_LEVEL = 1


class TableScorer:
    """A loaded model of a table.

    Raises:
        Reject: the file is none.
    """

    def __init__(self, data: bytes) -> None:
        from lineal_learning.onnx_file import open_model

        self._session, metadata = open_model(data, "a table", "features", "lightgbm")
        self.features: tuple[str, ...] = tuple(metadata["features"])
        self._trees: str = metadata["lightgbm"]
        self._uncertainty: dict[str, Any] | None = metadata.get("uncertainty")
        self._booster: Any = None

    def values(
        self, features: npt.NDArray[np.float32], names: tuple[str, ...]
    ) -> npt.NDArray[np.float64]:
        """Calibrated predictions.

        Raises:
            Reject: the features are not those that the model was trained with.
        """
        if names != self.features:
            raise Reject("the rows have other features than the model was trained with")
        found = [
            self._session.run(["value"], {"features": features[at : at + _CHUNK]})[0][:, 0]
            for at in range(0, len(features), _CHUNK)
        ]
        return np.concatenate(found).astype(np.float64) if found else np.empty(0)

    @cached_property
    def uncertainty(self) -> Uncertainty:
        """What intervals are computed from.

        Raises:
            Reject: the model was made before they were kept.
        """
        if self._uncertainty is None:
            raise Reject("the model is from before intervals were kept with it: train it again")
        return Uncertainty.model_validate(self._uncertainty)

    def bounds(self, features: npt.NDArray[np.float32], coverage: float) -> list[Bounds]:
        """What surrounds the prediction of each row.

        Raises:
            Reject: the model was made before intervals were kept.
        """
        scores, values = self._session.run(["score", "value"], {"features": features})
        return [
            self.uncertainty.bounds(float(score), float(value), coverage)
            for score, value in zip(scores[:, 0], values[:, 0], strict=True)
        ]

    def coverage(
        self, features: npt.NDArray[np.float32], truth: npt.NDArray[np.float64], stated: float
    ) -> float | None:
        """The share of outcomes that are held at a stated coverage, of at most 1000 rows evenly
        over these; None for a model that was made before intervals were kept."""
        if self._uncertainty is None or not len(truth):
            return None
        places = np.unique(np.linspace(0, len(truth) - 1, _COVERAGE_ROWS).astype(int))
        scores, values = self._session.run(["score", "value"], {"features": features[places]})
        held = [
            self.uncertainty.holds(float(score), float(value), float(outcome), stated)
            for score, value, outcome in zip(scores[:, 0], values[:, 0], truth[places], strict=True)
        ]
        return float(np.mean(held))

    def reasons(self, features: npt.NDArray[np.float32], count: int) -> list[list[dict[str, Any]]]:
        """For each row the features with the largest Shapley values (Lundberg et al. 2020), in
        units of the score: log-odds, or amounts before calibration."""
        from lineal_learning.lightgbm_trees import load_lightgbm

        lightgbm = load_lightgbm()

        if self._booster is None:
            self._booster = lightgbm.Booster(model_str=self._trees)
        moved = self._booster.predict(features, pred_contrib=True, num_threads=1)[:, :-1]
        places = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :count]
        return [
            [
                {
                    "feature": self.features[place],
                    "value": None if np.isnan(row[place]) else round(float(row[place]), 6),
                    "moved": round(float(by[place]), 6),
                }
                for place in order
            ]
            for order, row, by in zip(places, features, moved, strict=True)
        ]


@lru_cache(maxsize=8)
def load_scorer(path: str) -> TableScorer:
    """By path: objects are kept under their digest and never change."""
    return TableScorer(Path(path).read_bytes())


class ScoredBucket(NamedTuple):
    """What a worker process answers."""

    data: bytes
    rows: int
    mean: float
    highest: str
    """A JSON array of the lines with the highest values."""


def score_bucket(bucket: Path, model: str, reasons: int, highest: int) -> ScoredBucket:
    """Score a bucket with the model in a file; run in a worker process.

    Args:
        highest: so many lines are given beside the data, those with the highest values.

    Raises:
        Reject: the features are not those that the model was trained with.
    """
    from lineal_consumers.tables.buckets import read_archive

    examples, names = read_archive(bucket)
    scorer = load_scorer(model)
    values = scorer.values(examples.features, names)
    lines = []
    for at in range(0, len(values), _CHUNK):
        part = slice(at, at + _CHUNK)
        why = scorer.reasons(examples.features[part], reasons) if reasons else None
        for place, (entity, value) in enumerate(
            zip(examples.entity[part].tolist(), values[part].tolist(), strict=True)
        ):
            line = {"entity": entity, "value": round(value, 6)}
            lines.append(orjson.dumps(line if why is None else {**line, "reasons": why[place]}))
    data = gzip.compress(b"\n".join([*lines, b""]) if lines else b"", _LEVEL, mtime=0)
    first = np.argsort(-values, kind="stable")[:highest]
    return ScoredBucket(
        data,
        len(values),
        float(values.mean()) if len(values) else 0.0,
        f"[{','.join(lines[place].decode() for place in first)}]",
    )
