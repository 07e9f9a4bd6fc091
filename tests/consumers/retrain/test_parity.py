"""The exported graph says what the trainer says."""

from __future__ import annotations

import numpy as np
import pytest

from lineal_consumers.retrain.autoencoder import Autoencoder, fit_autoencoder
from lineal_consumers.retrain.graph import to_onnx
from lineal_consumers.retrain.pca import Pca, fit_pca
from lineal_consumers.retrain.windowing import preparation_of, windows_of
from lineal_scoring.alarm import AlarmRules
from lineal_scoring.model import ScoringModel
from tests.scoring.readings import normal, settings, trained


def fitted(**changes) -> tuple[Pca | Autoencoder, ScoringModel, np.ndarray]:
    wanted = settings(**changes)
    runs = [normal(1500, 1), normal(800, 2)]
    preparation = preparation_of(wanted, runs)
    windows, _ = windows_of(preparation, runs, wanted.settling)
    fit = fit_pca if wanted.algorithm == "pca" else fit_autoencoder
    model = fit(windows, wanted)
    graph = ScoringModel(to_onnx(model, preparation, 1.5, AlarmRules()))
    faulty = normal(600, 9)
    faulty[300:, 1] *= 1.3
    faulty[400:, 0] = 0.0
    return model, graph, windows_of(preparation, [normal(600, 8), faulty])[0]


@pytest.mark.parametrize("algorithm", ["pca", "autoencoder"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"baseline_span": None},
        {"spread": False, "lags": (0, 10, 20)},
        {"shrinkage": 0.1, "explained": 0.7},
    ],
    ids=["as usual", "absolute levels", "lags", "few components"],
)
def test_graph_and_trainer_agree_to_a_hundred_thousandth(algorithm, changes) -> None:
    model, graph, windows = fitted(algorithm=algorithm, **changes)
    scores, contributions = model.score(windows)
    assert scores.max() > 3 * np.median(scores)  # normal ones and very anomalous ones
    for window, score, parts in zip(windows, scores, contributions, strict=True):
        found = graph.score(window[np.newaxis])
        assert found.value == pytest.approx(score, rel=1e-5)
        assert found.contributions == pytest.approx(parts, rel=1e-3, abs=1e-4 * parts.sum())


def test_levels_far_from_zero_lose_nothing() -> None:
    """228.01 V in single precision is off by more than the sensor's noise may be."""
    wanted = settings(baseline_span=None, spread=False)
    run = normal(1500, 1) * 1e-3 + 1e5
    preparation = preparation_of(wanted, [run])
    windows, _ = windows_of(preparation, [run])
    model = fit_pca(windows, wanted)
    graph = ScoringModel(to_onnx(model, preparation, 1.5, AlarmRules()))
    scores, _ = model.score(windows)
    found = [graph.score(window[np.newaxis]).value for window in windows]
    assert found == pytest.approx(scores, rel=1e-5)


@pytest.mark.parametrize("algorithm", ["pca", "autoencoder"])
def test_training_measures_the_parity_itself(algorithm) -> None:
    assert trained(algorithm).parity <= 1e-5


def test_contributions_add_up_to_the_score() -> None:
    model, _, windows = fitted()
    scores, contributions = model.score(windows)
    assert contributions.sum(axis=1) == pytest.approx(scores**2)
