"""A model can be made again bit for bit, and its threshold keeps the rate it states."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.stats import binom

from lineal_consumers.retrain.calibration import (
    bounded_threshold,
    chi2_threshold,
    empirical_threshold,
    exceedance,
)
from lineal_consumers.retrain.evaluation import Quality, compare, evaluate
from lineal_consumers.retrain.settings import TrainingSettings
from lineal_consumers.retrain.training import train
from lineal_consumers.retrain.windowing import preparation_of, windows_of
from lineal_scoring.alarm import Opened
from lineal_scoring.model import ScoringModel
from lineal_scoring.scorer import DeviceScorer
from tests.long import examples
from tests.scoring.readings import FEATURES, normal, settings, trained

ROOT = Path(__file__).parents[3]
MAKE_AGAIN = """
import hashlib
from tests.scoring.readings import trained
for algorithm in ("pca", "autoencoder"):
    print(hashlib.sha256(trained(algorithm).data).hexdigest())
"""


def test_two_fresh_processes_make_the_same_bytes() -> None:
    def digests() -> str:
        return subprocess.run(
            [sys.executable, "-c", MAKE_AGAIN],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first = digests()
    assert first == digests()
    here = [hashlib.sha256(trained(name).data).hexdigest() for name in ("pca", "autoencoder")]
    assert first.split() == here


def test_another_seed_makes_another_autoencoder() -> None:
    assert trained("autoencoder", seed=1).data != trained("autoencoder").data


def test_what_made_it_is_recorded() -> None:
    model = trained()
    assert set(model.libraries) >= {"numpy", "onnx", "scikit-learn", "threadpoolctl"}
    assert model.settings.threads == 1
    scoring = ScoringModel(model.data)
    assert (scoring.sha256, scoring.threshold) == (model.sha256, model.threshold)
    scoring.verify(model.golden_windows, model.golden_scores)


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
def test_a_calibrated_threshold_keeps_its_false_alarm_rate_on_new_normal_data(rate) -> None:
    """Windows that do not overlap: their scores are exchangeable, so the bound is exact.

    Per model the share of false alarms varies with the calibration sample; over many calibrations
    their sum must not exceed what chance allows (1 in 10,000).
    """
    wanted = TrainingSettings(
        features=("a", "b"), length=10, step=10, denoise_span=4, false_alarm_rate=rate, settling=0
    )
    random = np.random.default_rng(5)
    alarms = windows = 0
    for _ in range(20):
        runs = [random.standard_normal((3000, 2)) for _ in range(3)]
        model = train(wanted, runs[:1], runs[1:2])
        scoring = ScoringModel(model.data)
        held_out, _ = windows_of(scoring.preparation, runs[2:])
        scores = np.array([scoring.score(window[np.newaxis]).value for window in held_out])
        alarms += int((scores > model.threshold).sum())
        windows += len(scores)
    # calibration on 300 windows doubles the variance of the binomial count
    spread = 3.7 * np.sqrt(2 * windows * rate * (1 - rate))
    assert abs(alarms - windows * rate) < spread


@hypothesis_settings(max_examples=examples(50), deadline=None)
@given(st.integers(20, 300), st.floats(0.05, 0.5), st.integers(0, 1000))
def test_the_empirical_threshold_is_exceeded_by_no_more_than_its_rank_allows(n, rate, seed) -> None:
    scores = np.random.default_rng(seed).gamma(2.0, size=n)
    threshold = empirical_threshold(scores, rate)
    assert (scores > threshold).sum() <= (n + 1) * rate
    assert (scores >= threshold).sum() >= (n + 1) * rate - 1


def test_too_few_scores_for_a_rate_are_refused_and_the_chi_squared_tail_takes_over() -> None:
    random = np.random.default_rng(2)
    scores = np.sqrt(random.chisquare(6, size=200))
    with pytest.raises(ValueError, match="at least 9999"):
        empirical_threshold(scores, 1e-4)
    threshold = chi2_threshold(scores, 1e-4)
    fresh = np.sqrt(random.chisquare(6, size=1_000_000))
    assert binom.sf((fresh > threshold).sum(), 1_000_000, 4e-4) > 1e-6
    assert binom.cdf((fresh > threshold).sum(), 1_000_000, 2e-5) > 1e-6


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_do_not_calibrate(bad) -> None:
    with pytest.raises(ValueError):
        empirical_threshold(np.array([1.0, bad] * 50), 0.1)


@pytest.mark.parametrize("algorithm", ["pca", "autoencoder"])
def test_missing_and_constant_sensors_do_not_stop_training(algorithm) -> None:
    runs = [normal(1200, seed) for seed in (1, 2)]
    for run in runs:
        run[::7, 1] = np.nan
        run[200:400, 0] = np.inf
        run[:, 2] = 20.0
    model = train(settings(algorithm=algorithm), runs[:1], runs[1:])
    assert np.isfinite(model.threshold)
    scoring = ScoringModel(model.data)
    moved = normal(600, 5)
    moved[:, 2] = 20.0
    moved[300:, 2] = 25.0  # what never moved in training moves
    labels = np.arange(600) >= 300
    said = evaluate(model.data, [moved], [labels])
    assert said.missed_rate < 0.3
    assert scoring.preparation.features == FEATURES


def test_too_little_data_is_refused() -> None:
    with pytest.raises(ValueError, match="not enough"):
        train(settings(), [normal(30, 1)], [normal(500, 2)])


def test_training_sees_a_wandering_channel() -> None:
    preparation = preparation_of(settings(), [normal(2000, 1)])
    assert preparation.baseline is not None
    follow = dict(zip(preparation.channels, preparation.baseline.follow, strict=True))
    assert follow["temperature"] > 0.5
    assert follow["rps"] < 0.1


def test_quality_counts_every_reading_alike() -> None:
    said = np.array([1, 1, 0, 0, 1], dtype=bool)
    true = np.array([1, 0, 1, 0, 1], dtype=bool)
    quality = compare(said, true) + Quality(true_alarms=1)
    assert quality == Quality(true_alarms=3, false_alarms=1, missed=1, quiet=1)
    assert quality.f1 == pytest.approx(6 / 8)
    assert (quality.false_alarm_rate, quality.missed_rate) == (0.5, 0.25)
    assert Quality(quiet=5).f1 == 1.0


def test_few_scores_say_less_surely_how_often_there_is_a_false_alarm() -> None:
    from scipy.stats import chi2

    random = np.random.default_rng(3)
    squares = random.chisquare(6, 20_000) / 6
    threshold = float(np.sqrt(chi2.isf(1e-4, 6) / 6))
    estimated, at_most = exceedance(np.sqrt(squares), threshold, 1)
    assert 0.3e-4 < estimated < 3e-4
    assert estimated < at_most < 3 * estimated
    few, few_at_most = exceedance(np.sqrt(squares[:200]), threshold, 10)
    assert few_at_most / few > 1.5 * at_most / estimated


def test_a_threshold_for_a_stated_rate_is_higher_the_less_was_learnt_from() -> None:
    from scipy.stats import chi2

    scores = np.sqrt(np.random.default_rng(3).chisquare(6, 20_000) / 6)
    rate = 1e-4
    threshold = bounded_threshold(scores, rate, 1)
    exact = float(np.sqrt(chi2.isf(rate, 6) / 6))
    assert exact <= threshold < 1.05 * exact
    assert exceedance(scores, threshold, 1)[1] == pytest.approx(rate, rel=0.02)
    few = bounded_threshold(scores[:200], rate, 10)
    assert few > threshold
    assert exceedance(scores[:200], few, 10)[1] == pytest.approx(rate, rel=0.02)


def test_a_model_alarms_no_more_often_than_was_asked_for() -> None:
    """A tenth of all stretches that could alarm: so many that a short run shows it."""
    wanted = replace(settings(hold=None, spread=False), max_exceedance=0.1, margin=3.0)
    runs = [normal(1500, seed) for seed in (1, 2)]
    asked = train(wanted, runs, [normal(1500, 3)])
    assert asked.exceedance[1] == pytest.approx(0.1, rel=0.02), "whatever rate and margin say"
    rarer = train(replace(wanted, max_exceedance=0.001), runs, [normal(1500, 3)])
    assert rarer.threshold > asked.threshold
    model = ScoringModel(rarer.data)
    opened = [
        change
        for seed in range(4, 9)
        for change in DeviceScorer(model).push(normal(1500, seed), 0)[1]
        if isinstance(change, Opened)
    ]
    assert len(opened) <= 5 * 1500 / 8 * 0.01
