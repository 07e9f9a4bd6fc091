"""How far a prediction can be trusted: intervals from rows that nobody has learnt from, and the
ranges of what was.

What is stored with a model are the scores and outcomes of calibration rows; an interval is computed
from them when it is asked for, at any coverage. It holds for rows like those: of the same
population.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

Floats = npt.NDArray[np.float64]

_MAX_ROWS = 4000
_ROWS_A_PART = 250
_MAX_PARTS = 8
_DIGITS = 7


class FeatureRange(BaseModel):
    """Of the values of a feature that were learnt from."""

    model_config = ConfigDict(frozen=True)

    low: float | None
    """None: it was always missing."""
    high: float | None
    missing: bool
    """Whether it ever was."""

    def holds(self, value: float) -> bool:
        if np.isnan(value):
            return self.missing
        return self.low is not None and self.high is not None and self.low <= value <= self.high


class Bounds(NamedTuple):
    """See :class:`lineal_schemas.tables.Estimate`."""

    low: float | None
    high: float | None
    outcomes: tuple[int, ...] | None


class Uncertainty(BaseModel):
    """What intervals are computed from; kept with the model."""

    model_config = ConfigDict(frozen=True)

    task: Literal["classification", "regression"]
    scale: Literal["none", "log"]
    scores: tuple[float, ...]
    """What the trees say of calibration rows: log-odds, or amounts (their logarithm)."""
    truths: tuple[float, ...]
    """0 or 1, or amounts in the unit of scores."""
    edges: tuple[float, ...]
    """Scores between which intervals are computed separately: quantiles of the training rows'."""
    ranges: tuple[FeatureRange, ...]
    """By feature."""

    def bounds(self, score: float, value: float, coverage: float) -> Bounds:
        """What surrounds a prediction.

        Args:
            score: what the trees say.
            value: the same, calibrated.
            coverage: the share of intervals that are to hold the truth: of an amount the outcome,
                of a probability the share of those that are like it.
        """
        scores, truths = np.asarray(self.scores), np.asarray(self.truths)
        if self.task == "classification":
            return _of_probability(scores, truths, score, value, coverage)
        return self._of_amount(scores, truths, score, value, coverage)

    def holds(self, score: float, value: float, truth: float, coverage: float) -> bool:
        """Whether an outcome is one that could not be ruled out; an amount is in its interval."""
        scores, truths = np.asarray(self.scores), np.asarray(self.truths)
        if self.task == "classification":
            return int(truth > 0.5) in _outcomes(scores, truths, score, coverage)
        low, high, _ = self._of_amount(scores, truths, score, value, coverage)
        return low is None or high is None or low <= truth <= high

    def _of_amount(
        self, scores: Floats, truths: Floats, score: float, value: float, coverage: float
    ) -> Bounds:
        """Split conformal prediction with signed residuals (Vovk, Gammerman and Shafer 2005; Lei et
        al. 2018), in parts by the score: large amounts are less certain than small ones."""
        residuals = truths - scores
        part = np.searchsorted(self.edges, scores, side="right")
        near = residuals[part == np.searchsorted(self.edges, score, side="right")]
        outer = (1 - coverage) / 2
        if np.floor((len(near) + 1) * outer) < 1:
            near = residuals  # too few for bounds at this coverage
        near = np.sort(near)
        below = int(np.floor((len(near) + 1) * outer))
        if below < 1:
            return Bounds(None, None, None)
        ends = score + np.array([near[below - 1], near[len(near) - below]])
        if self.scale == "log":
            ends = np.maximum(np.expm1(ends), 0)
        return Bounds(min(float(ends[0]), value), max(float(ends[1]), value), None)


def measure(
    task: Literal["classification", "regression"],
    scale: Literal["none", "log"],
    learnt: npt.NDArray[np.float32],
    learnt_scores: Floats,
    scores: Floats,
    truths: Floats,
    seed: int,
) -> Uncertainty:
    """What to keep with a model.

    Args:
        learnt: features of the training rows.
        learnt_scores: what the trees say of them.
        scores: what they say of calibration rows, which they have not seen.
        truths: of these, in the unit of the scores.
        seed: by which calibration rows are chosen when there are more than are kept.
    """
    if len(scores) > _MAX_ROWS:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(scores))[:_MAX_ROWS])
        scores, truths = scores[chosen], truths[chosen]
    parts = int(np.clip(len(scores) // _ROWS_A_PART, 1, _MAX_PARTS))
    edges = np.unique(np.quantile(learnt_scores, np.arange(1, parts) / parts))
    return Uncertainty(
        task=task,
        scale=scale,
        scores=tuple(scores.round(_DIGITS).tolist()),
        truths=tuple(truths.round(_DIGITS).tolist()),
        edges=tuple(edges.round(_DIGITS).tolist()),
        ranges=tuple(_range(column) for column in learnt.T),
    )


def _range(column: npt.NDArray[np.float32]) -> FeatureRange:
    there = column[~np.isnan(column)]
    return FeatureRange(
        low=float(there.min()) if len(there) else None,
        high=float(there.max()) if len(there) else None,
        missing=len(there) < len(column),
    )


def _of_probability(
    scores: Floats, truths: Floats, score: float, value: float, coverage: float
) -> Bounds:
    """The share among the nearest calibration rows with its Clopper-Pearson interval, widened by
    the pair of Venn-Abers, and the outcomes that conformal prediction cannot rule out."""
    from scipy.stats import beta

    count = min(len(scores), int(np.clip(len(scores) // 20, 50, 200)))
    near = truths[np.argsort(np.abs(scores - score), kind="stable")[:count]]
    hits, outer = int(near.sum()), (1 - coverage) / 2
    low = float(beta.ppf(outer, hits, count - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - outer, hits + 1, count - hits)) if hits < count else 1.0
    pair = calibrated_pair(scores, truths, score)
    return Bounds(
        min(low, value, *pair), max(high, value, *pair), _outcomes(scores, truths, score, coverage)
    )


def calibrated_pair(scores: Floats, truths: Floats, score: float) -> tuple[float, float]:
    """Two probabilities, one of which is calibrated: of the isotonic regressions with the row as a
    0 and as a 1 (inductive Venn-Abers predictor, Vovk, Petej and Fedorova 2015)."""
    from scipy.optimize import isotonic_regression

    found = []
    for label in (0.0, 1.0):
        every = np.append(scores, score)
        labels = np.append(truths, label)
        # Equal scores get one probability: with the larger labels first, they are pooled.
        order = np.lexsort((-labels, every))
        fitted = isotonic_regression(labels[order]).x
        found.append(float(fitted[np.flatnonzero(order == len(scores))[0]]))
    return found[0], found[1]


def _outcomes(scores: Floats, truths: Floats, score: float, coverage: float) -> tuple[int, ...]:
    """Label-conditional conformal prediction (Vovk, Gammerman and Shafer 2005): of the rows with
    each outcome, the share ``coverage`` keep it."""
    positive, negative = scores[truths > 0.5], scores[truths <= 0.5]
    odd = {
        0: (int((negative >= score).sum()) + 1) / (len(negative) + 1),
        1: (int((positive <= score).sum()) + 1) / (len(positive) + 1),
    }
    return tuple(outcome for outcome, share in odd.items() if share > 1 - coverage)
