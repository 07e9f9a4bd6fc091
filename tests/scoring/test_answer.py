"""What a person says of an alarm that does not end counts, alike wherever it is scored."""

from __future__ import annotations

import numpy as np
import pytest

from lineal_scoring.alarm import Closed, Opened, Transition
from lineal_scoring.model import ScoringModel
from lineal_scoring.scorer import Answer, DeviceScorer
from tests.scoring.readings import trained
from tests.scoring.test_operating_point import model, pump

MOVED = 600
"""Reading at which the machine goes to another operating point for good."""
ANSWERED = 800
LEARN = 400


def moved(noise: float = 1.0, rows: int = 2600) -> np.ndarray:
    """From one operating point to another, where it may scatter more."""
    return np.concatenate([pump(MOVED, 11), pump(rows - MOVED, 12, flow=80, noise=noise)])


def scored(
    scoring: ScoringModel, readings: np.ndarray, *, is_normal: bool | None, portion: int = 1000
) -> list[Transition]:
    """What a scorer says where a person answers the anomaly that is open at ``ANSWERED``."""
    scorer, seen = DeviceScorer(scoring), list[Transition]()
    for begin in range(0, len(readings), portion):
        first = scorer.anomaly.first_seq
        if is_normal is not None and begin <= ANSWERED < begin + portion:
            # within this portion: what is open after it began is asked for first
            ahead = ANSWERED - begin
            seen += scorer.push(readings[begin:ANSWERED], begin)[1] if ahead else []
            first = scorer.anomaly.first_seq
            assert first is not None
            seen += scorer.answer(Answer(first, is_normal, ANSWERED))
            seen += scorer.push(readings[ANSWERED : begin + portion], ANSWERED)[1]
        else:
            seen += scorer.push(readings[begin : begin + portion], begin)[1]
    return seen


@pytest.mark.parametrize("noise", [1.0, 2.5])
def test_a_state_that_is_called_normal_is_taken_over_and_the_alarm_closes(noise: float) -> None:
    *before, closed = [
        change
        for change in scored(model(), moved(noise), is_normal=True)
        if change.last_seq < ANSWERED + LEARN + 60
    ]
    assert isinstance(closed, Closed)
    assert closed.reason == "normal"
    assert ANSWERED <= closed.last_seq + 1 <= ANSWERED + 60
    assert all(change.last_seq < ANSWERED for change in before)


def test_in_the_new_state_faults_are_found_as_small_as_the_noise_is_there() -> None:
    readings = moved(noise=0.3)
    readings[2000:, 0] -= 0.6  # twice its noise there
    (opened,) = [
        change
        for change in scored(model(), readings, is_normal=True)
        if isinstance(change, Opened) and change.last_seq > ANSWERED + LEARN
    ]
    assert 2000 <= opened.last_seq <= 2060
    assert opened.shares[0][0] == "flow"


def test_while_it_learns_the_new_state_something_far_worse_is_still_found() -> None:
    readings = moved()
    readings[ANSWERED + 100 : ANSWERED + 200, 2] += 40
    found = scored(model(), readings, is_normal=True)
    assert [c for c in found if isinstance(c, Opened) and c.last_seq >= ANSWERED + 100]


def test_what_is_called_a_fault_never_becomes_the_normal() -> None:
    assert [
        change.last_seq
        for change in scored(model(), moved(), is_normal=None)
        if isinstance(change, Closed)
    ], "unasked, a state that lasts becomes the normal"
    assert not [
        change for change in scored(model(), moved(), is_normal=False) if isinstance(change, Closed)
    ]


def test_a_fault_that_is_mended_closes_its_alarm() -> None:
    readings = np.concatenate([moved(rows=1800), pump(600, 13)])
    (closed,) = [
        change
        for change in scored(model(), readings, is_normal=False)
        if isinstance(change, Closed)
    ]
    assert 1800 <= closed.last_seq <= 1900


def test_with_fixed_levels_an_accepted_state_is_quiet_until_it_gets_worse() -> None:
    scoring = ScoringModel(trained(baseline=False).data)
    rows = scoring.preparation.length * 40
    readings = np.tile(np.array([[1.6, 48.0, 20.0, 1.0]]), (rows, 1))
    readings += 0.01 * np.random.default_rng(1).standard_normal(readings.shape)
    readings[rows // 4 :, 1] -= 20
    worse = rows - 200
    readings[worse:, 1] -= 200
    scorer = DeviceScorer(scoring)
    scorer.push(readings[: rows // 2], 0)
    first = scorer.anomaly.first_seq
    assert first is not None
    (closed,) = scorer.answer(Answer(first, is_normal=True, at_seq=0))
    assert isinstance(closed, Closed)
    later = scorer.push(readings[rows // 2 :], rows // 2)[1]
    assert [type(change) for change in later[:1]] == [Opened]
    assert later[0].last_seq >= worse


@pytest.mark.parametrize("is_normal", [True, False])
def test_in_portions_and_over_restarts_it_counts_from_the_same_reading(is_normal: bool) -> None:
    readings, asked = moved(1.7), 760
    whole = DeviceScorer(model())
    expected = whole.push(readings[:asked], 0)[1]
    first = whole.anomaly.first_seq
    assert first is not None
    answer = Answer(first, is_normal, ANSWERED)
    expected += whole.answer(answer) + whole.push(readings[asked:], asked)[1]
    found, scorer = list[Transition](), DeviceScorer(model())
    for begin in range(0, len(readings), 19):
        scorer = DeviceScorer.restored(model(), scorer.snapshot())
        if begin == 19 * 40:
            assert begin == asked
            found += scorer.answer(answer)
        found += scorer.push(readings[begin : begin + 19], begin)[1]
    assert found == expected


def test_an_answer_to_an_alarm_that_is_over_changes_nothing() -> None:
    readings = pump(900, 11)
    scorer = DeviceScorer(model())
    scorer.push(readings[:500], 0)
    assert scorer.answer(Answer(100, is_normal=True, at_seq=0)) == []
    untouched = DeviceScorer(model())
    untouched.push(readings[:500], 0)
    assert scorer.snapshot() == untouched.snapshot()
