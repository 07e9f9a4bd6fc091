"""A machine that goes to and fro between operating points has levels of each, by default."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from lineal_consumers.machine_settings import model_settings
from lineal_consumers.retrain.config import ReadingsModel
from lineal_consumers.retrain.finding_points import find_points
from lineal_consumers.retrain.readings_learner import training_settings
from lineal_consumers.retrain.training import train
from lineal_scoring.alarm import Closed, Opened, Transition
from lineal_scoring.machine import Channel, Machine
from lineal_scoring.model import ScoringModel
from lineal_scoring.preparation import Preparation
from lineal_scoring.scorer import DeviceScorer

CHANNELS = ("pressure", "flow")
FAULTS = (2100, 4000, 5900, 7700)
LASTS = 420


def pump(rows: int, seed: int, points: int = 2, stay: int = 450, way: int = 6) -> np.ndarray:
    """Pressure and flow of a pump that changes its stage."""
    random = np.random.default_rng(seed)
    stage = np.zeros(rows)
    begin = number = 0
    while begin < rows:
        length = int(stay * (0.8 + 0.4 * random.random()))
        stage[begin : begin + length] = number % points
        begin, number = begin + length, number + 1
    stage = np.convolve(np.concatenate([np.full(way - 1, stage[0]), stage]), np.ones(way) / way)
    noise = random.standard_normal((rows, 2)) * (0.05, 0.5)
    return np.stack([4 + 1.5 * stage[:rows], 30 + 12 * stage[:rows]], axis=1) + noise


def with_faults(readings: np.ndarray) -> np.ndarray:
    """Four faults, each smaller than a change of the stage."""
    readings = readings.copy()
    for begin, (pressure, flow) in zip(
        FAULTS, [(-0.5, 2.5), (0.45, -4), (0, -6), (0.8, 0)], strict=True
    ):
        readings[begin : begin + LASTS] += (pressure, flow)
    return readings


@cache
def model(points: int = 2) -> bytes:
    """What ``lineal model train`` makes by the defaults of a machine file."""
    machine = Machine(name="pump", devices=("*",), channels={name: Channel() for name in CHANNELS})
    asked = ReadingsModel(**model_settings(machine))
    wanted = training_settings(asked, "pca")
    return train(wanted, [pump(4000, 1, points)], [pump(2000, 2, points)]).data


def said(readings: np.ndarray, data: bytes, portion: int = 60) -> list[Transition]:
    scorer, changes = DeviceScorer(ScoringModel(data)), []
    for begin in range(0, len(readings), portion):
        changes += scorer.push(readings[begin : begin + portion], begin)[1]
    return changes


def quiet(readings: np.ndarray, data: bytes) -> bool:
    """Whether hardly anything is an anomaly: of ten thousand windows of noise some few are."""
    open_for = sum(c.windows for c in said(readings, data) if isinstance(c, Closed))
    return open_for < len(readings) / 200


def closings_of(opened: list[Opened], changes: list[Transition]) -> list[Closed]:
    begun = {change.first_seq for change in opened}
    return [c for c in changes if isinstance(c, Closed) and c.first_seq in begun]


def is_at_a_fault(closed: Closed) -> bool:
    return any(begin < closed.last_seq < begin + LASTS + 120 for begin in FAULTS)


@pytest.mark.parametrize("points", [2, 3])
def test_faults_smaller_than_a_change_of_the_stage_are_found_and_changes_are_none(points) -> None:
    data = model(points)
    known = ScoringModel(data).preparation.baseline.known  # type: ignore[union-attr]
    assert known is not None
    assert len(known.centres) == points
    readings = pump(9000, 7, points)
    assert quiet(readings, data)
    changes = said(with_faults(readings), data)
    for begin in FAULTS:
        opened = [c for c in changes if isinstance(c, Opened) and 0 <= c.last_seq - begin < 120]
        assert opened, f"the fault at {begin} was not found"
        assert max(c.windows for c in closings_of(opened, changes)) > LASTS / 2
    beside = [c.windows for c in changes if isinstance(c, Closed) and not is_at_a_fault(c)]
    assert sum(beside) < len(readings) / 200


def test_a_stream_a_batch_and_a_snapshot_in_between_say_the_same() -> None:
    readings = with_faults(pump(9000, 8))[1500:5000]
    readings[700:703, 0] = np.nan
    expected = said(readings, model(), len(readings))
    assert any(isinstance(change, Opened) for change in expected)
    assert said(readings, model(), 1) == expected
    scoring = ScoringModel(model())
    scorer, changes = DeviceScorer(scoring), []
    for begin in range(0, len(readings), 35):
        scorer = DeviceScorer.restored(scoring, scorer.snapshot())
        changes += scorer.push(readings[begin : begin + 35], begin)[1]
    assert changes == expected


def test_levels_of_another_pump_of_the_kind_are_its_own() -> None:
    """A pump of the same kind, set a little higher, is not in alarm at the point where it has not
    been yet."""
    assert quiet(pump(3000, 9) + np.array((0.3, 3.0)), model())


def test_slow_changes_are_followed_at_each_point() -> None:
    readings = pump(9000, 10)
    readings[:, 0] -= np.linspace(0, 0.5, len(readings))
    assert quiet(readings, model())


def test_a_model_that_knows_points_takes_over_from_one_that_knows_none() -> None:
    from lineal_scoring.slot import ModelSlot

    one, two = ScoringModel(model(1)), ScoringModel(model())
    assert one.preparation.baseline.known is None  # type: ignore[union-attr]
    slot = ModelSlot(one)
    scorer, readings = DeviceScorer(slot), with_faults(pump(9000, 11))
    scorer.push(readings[:1000], 0)
    for begin, taken in ((1000, two), (1500, ScoringModel(model())), (3000, one)):
        slot.swap(taken)
        changes = scorer.push(readings[begin : begin + 500], begin)[1]
        if taken is two:
            assert [type(change) for change in changes] in ([], [Closed])
    restored = DeviceScorer.restored(slot, scorer.snapshot())
    assert restored.push(readings[3500:4500], 3500)[1] == scorer.push(readings[3500:4500], 3500)[1]
    assert restored.snapshot() == scorer.snapshot()


def test_what_has_no_points_is_given_none() -> None:
    random = np.random.default_rng(0)
    t = np.arange(4000)
    noise = random.standard_normal(4000)
    for values in (
        noise,
        np.sin(t / 300) + 0.01 * noise,
        t / 100 + noise,
        np.where(t < 2000, 0.0, 20.0) + noise,  # once, and never back
        np.cumsum(noise),
        np.round(noise),  # a coarse sensor
        np.where(t % 900 < 20, 20.0, 0.0) + noise,  # a pulse is no point
        np.zeros(4000),
    ):
        assert find_points([values[:, np.newaxis]]) is None
    assert find_points([pump(100, 1)]) is None


def test_recipes_without_points_are_the_text_they_were() -> None:
    recipe = ScoringModel(model()).preparation
    assert Preparation.from_json(recipe.to_json()) == recipe
    plain = ScoringModel(model(1)).preparation
    assert "known" not in json.loads(plain.to_json())["baseline"]


def test_a_slow_start_in_what_was_learnt_from_does_not_have_the_level_follow_faults() -> None:
    machine = Machine(name="pump", devices=("*",), channels={name: Channel() for name in CHANNELS})
    wanted = training_settings(ReadingsModel(**model_settings(machine)), "pca")
    runs = [pump(4000, 1, 1), pump(2000, 2, 1)]
    runs[0][:, 0] -= 0.5 * np.exp(-np.arange(4000) / 400)
    data = train(wanted, runs[:1], runs[1:]).data
    changes = said(with_faults(pump(9000, 7, 1)), data)
    for begin in FAULTS:
        closed = [c for c in changes if isinstance(c, Closed) and begin < c.last_seq < begin + 600]
        assert sum(c.windows for c in closed) > 0.8 * LASTS
