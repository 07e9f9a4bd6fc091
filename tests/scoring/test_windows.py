"""Windows over a device's readings, whatever the sensors deliver and however it arrives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal_scoring.preparation import Baseline, Preparation
from lineal_scoring.window import Window
from lineal_scoring.windows import WindowStream
from tests.long import examples

PLAIN = Preparation(features=("a", "b"), length=4, step=2, neutral=(10.0, 20.0), patience=3)
MOVING = Preparation(
    features=("a", "b"), length=4, step=2, patience=3, baseline=Baseline(span=8, follow=(0.0, 1.0))
)


def all_windows(stream: WindowStream, held: bool = False) -> list[Window]:
    found = []
    while (window := stream.take(held=held)) is not None:
        found.append(window)
    return found


def rows(count: int, begin: int = 0) -> np.ndarray:
    return np.arange(begin, begin + 2 * count, dtype=float).reshape(count, 2)


def test_a_window_holds_the_newest_readings_and_moves_on_by_its_step() -> None:
    stream = WindowStream(PLAIN)
    stream.push(rows(8), 101)
    found = all_windows(stream)
    assert [(window.first_seq, window.last_seq) for window in found] == [
        (101, 104),
        (103, 106),
        (105, 108),
    ]
    assert (found[1].values[0] == rows(8)[2:6]).all()


def test_readings_that_were_there_before_are_left_out() -> None:
    stream, again = WindowStream(PLAIN), WindowStream(PLAIN)
    stream.push(rows(8), 1)
    again.push(rows(5), 1)
    again.push(rows(5), 1)
    assert not again.push(rows(6, begin=4), 3)
    first, second = all_windows(stream), all_windows(again)
    assert [window.last_seq for window in second] == [window.last_seq for window in first]
    assert all((a.values == b.values).all() for a, b in zip(first, second, strict=True))


def test_windows_never_span_a_gap() -> None:
    stream = WindowStream(PLAIN)
    assert not stream.push(rows(5), 1)
    all_windows(stream)
    assert stream.push(rows(7), 9)
    assert [(window.first_seq, window.last_seq) for window in all_windows(stream)] == [
        (9, 12),
        (11, 14),
    ]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300, None])
def test_a_missing_value_is_the_last_one_for_a_while_then_the_training_mean(bad) -> None:
    stream = WindowStream(PLAIN)
    values = [[1.0, 5.0]] + [[bad, 5.0]] * 7
    stream.push(values, 1)
    first, second, third = all_windows(stream)
    assert first.values[0, :, 0].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert second.values[0, :, 0].tolist() == [1.0, 1.0, 10.0, 10.0]
    assert third.values[0, :, 0].tolist() == [10.0] * 4
    assert first.missing == ("a",)
    assert np.isfinite(third.values).all()


def test_a_sensor_that_never_delivered_is_the_training_mean_at_once() -> None:
    stream = WindowStream(PLAIN)
    stream.push([[math.nan, 1.0]] * 4, 1)
    (window,) = all_windows(stream)
    assert window.values[0, :, 0].tolist() == [10.0] * 4
    assert window.missing == ("a",)
    assert window.usable


def test_a_window_that_is_mostly_missing_is_not_usable() -> None:
    stream = WindowStream(PLAIN)
    stream.push([[math.nan, math.nan]] * 3 + [[1.0, 2.0]], 1)
    (window,) = all_windows(stream)
    assert not window.usable
    assert window.missing == ("a", "b")


def test_a_stuck_sensor_is_named_and_a_silent_one_is_not_called_stuck() -> None:
    stream = WindowStream(PLAIN)
    stream.push([[5.0, 1.0], [5.0, math.nan], [5.0, math.nan], [5.0, math.nan]], 1)
    (window,) = all_windows(stream)
    assert window.constant == ("a",)
    assert window.missing == ("b",)


def test_an_angle_is_its_sine_and_cosine() -> None:
    preparation = Preparation(features=("yaw", "x"), length=2, step=1, angles=("yaw",))
    assert preparation.channels == ("sin(yaw)", "cos(yaw)", "x")
    stream = WindowStream(preparation)
    stream.push([[0.0, 1.0], [2 * math.pi, 1.0]], 1)
    (window,) = all_windows(stream)
    assert window.values[0, 0] == pytest.approx(window.values[0, 1], abs=1e-12)


def test_the_baseline_is_held_during_an_anomaly_except_where_a_channel_wanders() -> None:
    stream = WindowStream(MOVING)
    stream.push(np.full((20, 2), 3.0), 1)
    all_windows(stream)
    stream.push(np.full((40, 2), 9.0), 21)
    all_windows(stream, held=True)
    assert stream.level[0] == pytest.approx(3.0)
    assert stream.level[1] == pytest.approx(9.0, abs=0.1)


def test_missing_values_do_not_move_the_baseline() -> None:
    stream = WindowStream(MOVING)
    stream.push(np.full((20, 2), 3.0), 1)
    all_windows(stream)
    stream.push([[math.nan, 3.0]] * 40, 21)
    windows = all_windows(stream)
    assert stream.level.tolist() == [3.0, 3.0]
    assert (windows[-1].values == 0).all()


def test_readings_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="expected rows × 2"):
        WindowStream(PLAIN).push([[1.0, 2.0, 3.0]], 1)


@settings(max_examples=examples(60), deadline=None)
@given(
    portions=st.lists(st.integers(1, 9), min_size=1, max_size=25),
    missing=st.sets(st.tuples(st.integers(0, 120), st.integers(0, 1)), max_size=60),
    held=st.booleans(),
    seed=st.integers(0, 5),
)
def test_however_the_readings_arrive_the_windows_are_the_same(
    portions, missing, held, seed
) -> None:
    values = np.random.default_rng(seed).standard_normal((sum(portions), 2))
    for row, column in missing:
        if row < len(values):
            values[row, column] = np.nan
    whole, piecewise = WindowStream(MOVING), WindowStream(MOVING)
    whole.push(values, 1)
    expected = all_windows(whole, held)
    found, begin = [], 0
    for portion in portions:
        piecewise.push(values[begin : begin + portion], begin + 1)
        found += all_windows(piecewise, held)
        begin += portion
        state = piecewise.snapshot()
        piecewise = WindowStream(MOVING)
        piecewise.restore(state)
    assert [(w.first_seq, w.missing, w.constant, w.usable) for w in found] == [
        (w.first_seq, w.missing, w.constant, w.usable) for w in expected
    ]
    assert all((a.values == b.values).all() for a, b in zip(found, expected, strict=True))


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.integers(-6, 4), st.integers(1, 12)), min_size=1, max_size=20))
def test_repeats_change_nothing_and_no_window_spans_what_is_missing(deliveries) -> None:
    """Batches that overlap what was there (negative) or leave a gap (positive) before them."""
    values = np.random.default_rng(3).standard_normal((400, 2))
    stream, newest, begun = WindowStream(PLAIN), 0, 1
    for jump, count in deliveries:
        first = max(1, newest + 1 + jump)
        last = min(first + count - 1, len(values))
        gap = stream.push(values[first - 1 : last], first)
        assert gap == (newest > 0 and first > newest + 1)
        begun = first if gap or newest == 0 else begun
        newest = max(newest, last)
        for window in all_windows(stream):
            assert begun <= window.first_seq
            assert window.last_seq <= newest
            assert (window.first_seq - begun) % PLAIN.step == 0
            assert (window.values[0] == values[window.first_seq - 1 : window.last_seq]).all()
    assert stream.next_seq == newest + 1


def test_memory_does_not_grow_with_the_readings() -> None:
    import tracemalloc

    stream = WindowStream(MOVING)
    values = np.random.default_rng(1).standard_normal((1000, 2))

    def feed(times: int) -> None:
        for _ in range(times):
            stream.push(values, stream.next_seq or 1)
            while stream.take(held=False) is not None:
                pass

    feed(3)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    feed(30)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000


def test_a_preparation_survives_its_json() -> None:
    for preparation in (PLAIN, MOVING):
        assert Preparation.from_json(preparation.to_json()) == preparation
    with pytest.raises(ValueError):
        Preparation.from_json('{"features": ["a"]}')


@pytest.mark.parametrize(
    "fields",
    [
        {"features": (), "length": 4, "step": 1},
        {"features": ("a", "a"), "length": 4, "step": 1},
        {"features": ("a",), "length": 4, "step": 5},
        {"features": ("a",), "length": 4, "step": 1, "angles": ("b",)},
        {"features": ("a",), "length": 4, "step": 1, "neutral": (1.0, 2.0)},
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(fields) -> None:
    with pytest.raises(ValueError):
        Preparation(**fields)
