"""Intervals hold what they say, as often as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from lineal_consumers.tables.uncertainty import Uncertainty, calibrated_pair, measure

_NEW = 1000


def _of(task: Any, scores: Any, truths: Any, scale: Any = "none") -> Uncertainty:
    features = np.stack([scores, np.full(len(scores), np.nan)], axis=1).astype(np.float32)
    return measure(task, scale, features, scores, scores, truths, seed=0)


def _is_share(hits: int, share: float, least_of: int = _NEW) -> bool:
    """Whether so many hits are likely for a share, give or take that calibration rows are a sample
    as well."""
    spread = 4 * np.sqrt(share * (1 - share) * (1 / least_of + 1 / 2000))
    return bool(abs(hits / least_of - share) <= spread)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.98])
def test_amounts_fall_into_their_intervals_as_often_as_stated(coverage: float) -> None:
    chance = np.random.default_rng(3)
    scores = chance.uniform(1, 9, 2000 + _NEW)
    outcomes = scores + 1 + chance.gamma(2, scores / 4)  # off, skewed, and wider the larger
    kept = _of("regression", scores[:2000], outcomes[:2000])
    hits = small = 0
    for score, outcome in zip(scores[2000:], outcomes[2000:], strict=True):
        low, high, _ = kept.bounds(float(score), float(score * 1.5 + 1), coverage)
        assert low is not None
        assert high is not None
        hits += low <= outcome <= high
        small += score < 5 and low <= outcome <= high
    assert _is_share(hits, coverage)
    assert _is_share(small, coverage, int((scores[2000:] < 5).sum()))


def test_an_interval_that_is_too_narrow_would_be_noticed() -> None:
    assert not _is_share(int(0.84 * _NEW), 0.9)
    assert binom.cdf(int(0.84 * _NEW), _NEW, 0.9) < 1e-8


def test_amounts_on_a_logarithmic_scale_have_intervals_in_amounts() -> None:
    chance = np.random.default_rng(4)
    scores = chance.uniform(0, 3, 2000 + _NEW)
    amounts = np.maximum(np.expm1(scores + chance.normal(0, 0.5, len(scores))), 0)
    kept = _of("regression", scores[:2000], np.log1p(amounts[:2000]), "log")
    hits = 0
    for score, amount in zip(scores[2000:], amounts[2000:], strict=True):
        low, high, _ = kept.bounds(float(score), float(np.expm1(score)), 0.9)
        assert low is not None
        assert high is not None
        assert low >= 0
        hits += low - 1e-6 <= amount <= high
    assert _is_share(hits, 0.9)


def _share(scores: Any) -> Any:
    """The true probability of a score."""
    return 0.05 + 0.9 / (1 + np.exp(-scores))


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_outcomes_are_held_as_often_as_stated(coverage: float) -> None:
    chance = np.random.default_rng(5)
    scores = chance.normal(0, 2, 2000 + _NEW)
    outcomes = (chance.random(len(scores)) < _share(scores)).astype(float)
    kept = _of("classification", scores[:2000], outcomes[:2000])
    held = {0: 0, 1: 0}
    for score, outcome in zip(scores[2000:], outcomes[2000:], strict=True):
        possible = kept.bounds(float(score), 0.5, coverage).outcomes
        assert possible is not None
        held[int(outcome)] += int(outcome) in possible
    positive = int(outcomes[2000:].sum())
    assert _is_share(held[1], coverage, positive)
    assert _is_share(held[0], coverage, _NEW - positive)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_true_probabilities_are_in_their_intervals_as_often_as_stated(coverage: float) -> None:
    hits = count = 0
    widths = []
    for seed in range(60):
        chance = np.random.default_rng(seed)
        scores = chance.normal(0, 2, 1000)
        outcomes = (chance.random(1000) < _share(scores)).astype(float)
        kept = _of("classification", scores, outcomes)
        for score in (-2.5, -0.5, 0.5, 2.0):  # far apart: of different calibration rows
            value = calibrated_pair(scores, outcomes, score)[0]
            low, high, _ = kept.bounds(score, value, coverage)
            assert low is not None
            assert high is not None
            hits += low <= _share(score) <= high
            widths.append(high - low)
            count += 1
    spread = 3 * np.sqrt(coverage * (1 - coverage) / count)
    assert coverage - spread <= hits / count < 0.99
    assert np.mean(widths) < 0.3


def test_the_pair_of_venn_abers_is_narrow_and_around_the_share() -> None:
    scores = np.repeat([-1.0, 1.0], 100)
    truths = np.concatenate([np.arange(100) < 20, np.arange(100) < 70]).astype(float)
    low, high = calibrated_pair(scores, truths, 1.0)
    assert (low, high) == pytest.approx((70 / 101, 71 / 101))


def test_no_bound_is_given_where_there_are_too_few_rows_for_it() -> None:
    chance = np.random.default_rng(6)
    scores = chance.uniform(0, 1, 40)
    kept = _of("regression", scores, scores + chance.normal(0, 1, 40))
    assert kept.bounds(0.5, 0.5, 0.9).low is not None
    assert kept.bounds(0.5, 0.5, 0.99).low is None


def test_a_range_is_of_what_was_learnt_from() -> None:
    features = np.array([[1, np.nan], [3, 2]], np.float32)
    ones = np.ones(2)
    kept = measure("regression", "none", features, ones, ones, ones, seed=0)
    first, second = kept.ranges
    assert first.holds(2)
    assert not first.holds(3.5)
    assert not first.holds(float("nan"))
    assert second.holds(float("nan"))
