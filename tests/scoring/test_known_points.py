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
from lineal_scoring.known_points import PointTracker
from lineal_scoring.machine import Channel, Machine
from lineal_scoring.model import ScoringModel
from lineal_scoring.preparation import KnownPoints, Preparation
from lineal_scoring.scorer import Answer, DeviceScorer

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


@cache
def other_model() -> bytes:
    """Another of the same machine."""
    machine = Machine(name="pump", devices=("*",), channels={name: Channel() for name in CHANNELS})
    wanted = training_settings(ReadingsModel(**model_settings(machine)), "pca")
    return train(wanted, [pump(4000, 5)], [pump(2000, 6)]).data


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


def test_a_demand_that_changes_over_the_day_is_no_anomaly_of_a_pump_that_starts_and_stops() -> None:
    """While it stands its flow is none, whatever the demand is: what a level has moved by at one
    point says nothing of the other."""

    def readings(rows: int, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        runs = np.arange(rows) % 450 < 330
        demand = 1 + 0.08 * np.sin(np.arange(rows) / 900)
        ramp = np.convolve(np.concatenate([np.ones(3), runs]), np.ones(4) / 4, "valid")
        noise = random.standard_normal((rows, 2)) * (0.05, 0.4)
        return np.stack([1 + 4 * ramp / demand**0.2, 40 * ramp * demand], axis=1) + noise

    machine = Machine(name="pump", devices=("*",), channels={name: Channel() for name in CHANNELS})
    wanted = training_settings(ReadingsModel(**model_settings(machine)), "pca")
    data = train(wanted, [readings(2400, 1)], [readings(1000, 2)]).data
    assert ScoringModel(data).preparation.baseline.known is not None  # type: ignore[union-attr]
    later = [change for change in said(readings(9000, 3), data) if change.first_seq > 1350]
    in_alarm = sum(change.windows for change in later if isinstance(change, Closed))
    assert in_alarm < 45


def test_a_stay_too_short_to_tell_the_level_says_nothing_of_the_next() -> None:
    known = KnownPoints(
        centres=((0.0,), (10.0,)), switching=(True,), spread=(0.1,), reach=6.0, transit=5
    )
    tracker = PointTracker(known, 5)

    def stay(level: float, readings: int) -> None:
        for _ in range(readings // 5):
            tracker.place(np.full((5, 1), level))

    for level, at in ((0.0, 0), (10.0, 1), (0.0, 0)):
        stay(level, 25)
        tracker.take(np.array([level]), 5, shared=False)
        assert tracker.current == at
    tracker.take(np.array([0.4]), 6, shared=True)  # worn, or what is asked of it here has changed
    stay(10.0, 15)
    stay(0.4, 25)
    tracker.take(np.array([0.8]), 7, shared=True)
    stay(10.8, 20)
    assert tracker.level == pytest.approx([10.8])


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


class Pump:
    """Readings that are scored with people who look at anomalies."""

    def __init__(self, readings: np.ndarray) -> None:
        self.scorer = DeviceScorer(ScoringModel(model()))
        self._readings = readings
        self._next = 0

    def run(self, rows: int, *, answers: bool = False) -> list[Transition]:
        """Score the next readings; with ``answers`` an anomaly is called normal after 100."""
        changes: list[Transition] = []
        for begin in range(self._next, self._next + rows, 10):
            if self._next > 0 and begin % 70 == 0:
                model_of_device = self.scorer.model
                self.scorer = DeviceScorer.restored(model_of_device, self.scorer.snapshot())
            first_seq = self.scorer.anomaly.first_seq
            if answers and first_seq is not None and begin - first_seq > 100:
                changes += self.scorer.answer(Answer(first_seq, True, begin))
            changes += self.scorer.push(self._readings[begin : begin + 10], begin)[1]
        self._next += rows
        return changes


def windows_in_alarm(changes: list[Transition]) -> int:
    return sum(change.windows for change in changes if isinstance(change, Closed))


def stays(*stages: float, each: int = 900) -> np.ndarray:
    """A pump that is at each of these stages for a while."""
    random = np.random.default_rng(3)
    stage = np.convolve(np.repeat(stages, each), np.ones(6) / 6)[: len(stages) * each]
    noise = random.standard_normal((len(stage), 2)) * (0.05, 0.5)
    return np.stack([4 + 1.5 * stage, 30 + 12 * stage], axis=1) + noise


@pytest.mark.parametrize("third", [0.5, 2.0], ids=["between", "beyond"])
def test_a_third_point_is_one_when_a_person_calls_it_normal(third: float) -> None:
    """From then on it is gone to and left without a word, faults there are found, and the levels of
    the others are as they were."""
    readings = stays(0, 1, third, 0, third, 1, third, 0, 1)
    readings[6 * 900 + 300 : 6 * 900 + 700] += (0.45, -4)
    pump = Pump(readings)
    assert windows_in_alarm(pump.run(1800)) < 10
    learning = pump.run(900, answers=True)
    assert any(isinstance(change, Opened) for change in learning)
    assert windows_in_alarm(learning) < 200
    assert windows_in_alarm(pump.run(2700)) < 15
    fault = pump.run(900)
    assert any(isinstance(change, Opened) for change in fault)
    assert 200 < windows_in_alarm(fault) < 500
    assert windows_in_alarm(pump.run(1800)) < 10


def test_a_third_point_that_nobody_calls_normal_leaves_the_others_as_they_are() -> None:
    """It is in alarm for as long as a state that lasts, and each time anew: else a fault that had
    lasted would be none when it comes again."""
    pump = Pump(stays(0, 1, 2, 0, 1, 2, 1))
    assert windows_in_alarm(pump.run(1800)) < 10
    for there, back in ((900, 1800), (900, 900)):
        lasting = pump.run(there)
        assert 550 < windows_in_alarm(lasting) < 700
        assert not pump.scorer.anomaly.is_open
        assert windows_in_alarm(pump.run(back)) < 10


def test_what_people_called_normal_outlives_the_next_model() -> None:
    from lineal_scoring.slot import ModelSlot

    readings = stays(0, 1, 2, 0, 2)
    slot = ModelSlot(ScoringModel(model()))
    scorer = DeviceScorer(slot)
    scorer.push(readings[:2000], 0)
    first_seq = scorer.anomaly.first_seq
    assert first_seq is not None
    scorer.answer(Answer(first_seq, True, 2000))
    scorer.push(readings[2000:3000], 2000)
    slot.swap(ScoringModel(other_model()))
    changes = scorer.push(readings[3000:], 3000)[1]
    assert not scorer.anomaly.is_open
    assert windows_in_alarm(changes) < 15


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
