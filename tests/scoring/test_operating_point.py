"""A machine that runs elsewhere than on the day its model was learnt is not in alarm for that."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2

from lineal_consumers.machine_settings import model_settings
from lineal_consumers.retrain.config import ReadingsModel
from lineal_consumers.retrain.readings_learner import training_settings
from lineal_consumers.retrain.training import train
from lineal_scoring.alarm import Closed, Opened
from lineal_scoring.machine import Channel, Machine
from lineal_scoring.model import ScoringModel
from lineal_scoring.operating_point import chi2_tail
from lineal_scoring.scorer import DeviceScorer

LEARN = 400
FAULT = slice(900, 1100)


def pump(rows: int, seed: int, flow: float = 120.0, noise: float = 1.0) -> np.ndarray:
    """Flow, pressure and current of a pump; at another flow all three are elsewhere."""
    random = np.random.default_rng(seed)
    flows = flow + noise * random.standard_normal(rows)
    pressure = flow / 20 + 0.02 * (flows - flow) + 0.05 * random.standard_normal(rows)
    current = 1 + flow / 80 + 0.1 * noise * random.standard_normal(rows)
    return np.stack([flows, pressure, current], axis=1)


@cache
def model() -> ScoringModel:
    names = ("flow", "pressure", "current")
    machine = Machine(name="pump", devices=("*",), channels=dict.fromkeys(names, Channel()))
    settings = training_settings(ReadingsModel(**model_settings(machine)), "pca")
    return ScoringModel(train(settings, [pump(2000, 1)], [pump(1000, 2)]).data)


def elsewhere() -> np.ndarray:
    readings = pump(1500, 3, flow=32, noise=0.3)
    readings[FAULT, 0] -= 0.6  # twice its noise here, little beside that of the training
    return readings


def test_at_the_point_of_the_training_scoring_begins_at_once() -> None:
    windows, _ = DeviceScorer(model()).push(pump(300, 5), 0)
    assert all(window.score is not None for window in windows)


def test_elsewhere_it_learns_first_and_then_finds_what_is_a_fault_there() -> None:
    windows, changes = DeviceScorer(model()).push(elsewhere(), 0)
    learning = [window.window.learning for window in windows]
    assert sum(learning) == LEARN - model().preparation.length
    assert all(window.score is None for window in windows if window.window.learning)
    opened, *_ = [change for change in changes if isinstance(change, Opened)]
    assert FAULT.start <= opened.last_seq <= FAULT.start + 30
    assert opened.shares[0][0] == "flow"
    *_, closed = [change for change in changes if isinstance(change, Closed)]
    assert FAULT.stop <= closed.last_seq <= FAULT.stop + 60


def test_without_learning_the_fault_there_is_too_small_to_be_seen() -> None:
    preparation = model().preparation
    assert preparation.baseline is not None
    as_in_training = replace(preparation, baseline=replace(preparation.baseline, points=None))
    blind = ScoringModel.__new__(ScoringModel)
    blind.__dict__.update(model().__dict__, preparation=as_in_training)
    _, changes = DeviceScorer(blind).push(elsewhere(), 0)
    assert not [c for c in changes if isinstance(c, Opened) and c.last_seq >= FAULT.start]


@pytest.mark.parametrize("portion", [7, 130, 399])
def test_a_stream_a_batch_and_snapshots_learn_the_same(portion: int) -> None:
    readings = elsewhere()
    expected, changes = DeviceScorer(model()).push(readings, 0)
    windows, seen, scorer = [], [], DeviceScorer(model())
    for begin in range(0, len(readings), portion):
        scorer = DeviceScorer.restored(model(), scorer.snapshot())
        found, more = scorer.push(readings[begin : begin + portion], begin)
        windows += found
        seen += more
    assert seen == changes
    assert [w.score and w.score.value for w in windows] == [
        w.score and w.score.value for w in expected
    ]


@pytest.mark.parametrize("freedom", [1, 3, 8, 40])
@pytest.mark.parametrize("rate", [0.05, 0.01, 1e-3])
def test_the_tail_is_that_of_a_scaled_chi_squared(freedom: int, rate: float) -> None:
    squares = chi2.ppf((np.arange(4000) + 0.5) / 4000, freedom) * 0.7
    mean, variance = squares.mean(), squares.var()
    exact = np.sqrt(variance / (2 * mean) * chi2.isf(rate, 2 * mean**2 / variance))
    assert chi2_tail(np.sqrt(squares), rate) == pytest.approx(exact, rel=0.02)
