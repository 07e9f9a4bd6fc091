"""A device's readings scored: alike in a stream and in a batch, on the device and on the bus."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal_consumers.retrain.training import train
from lineal_scoring.alarm import Closed, Opened
from lineal_scoring.model import ModelError, ScoringModel
from lineal_scoring.scorer import Answer, DeviceScorer, push_all
from lineal_scoring.slot import ModelSlot
from tests.scoring.readings import FEATURES, normal, trained
from tests.scoring.readings import settings as training_settings


def faulty(rows: int = 1200, begin: int = 600, end: int = 800) -> np.ndarray:
    """The generator gives too little for a while."""
    readings = normal(rows, 7)
    readings[begin:end, 1] -= 12
    return readings


def feed(scorer: DeviceScorer, readings: np.ndarray, portion: int):
    windows, transitions = [], []
    for begin in range(0, len(readings), portion):
        found, changes = scorer.push(readings[begin : begin + portion], begin + 1)
        windows += found
        transitions += changes
    return windows, transitions


def values(windows) -> list[float | None]:
    return [None if window.score is None else window.score.value for window in windows]


@pytest.mark.parametrize("algorithm", ["pca", "autoencoder"])
def test_a_stream_and_a_batch_have_the_very_same_scores(algorithm) -> None:
    model = ScoringModel(trained(algorithm).data)
    readings = faulty()
    readings[100:130, 2] = np.nan
    batch, in_batch = feed(DeviceScorer(model), readings, len(readings))
    assert len(batch) > 200
    for portion in (1, 7, 20, 333):
        stream, in_stream = feed(DeviceScorer(model), readings, portion)
        assert values(stream) == values(batch)
        assert in_stream == in_batch


def test_a_fault_is_one_anomaly_with_the_feature_that_shows_it() -> None:
    model = ScoringModel(trained().data)
    _, transitions = feed(DeviceScorer(model), faulty(), 20)
    opened = [t for t in transitions if isinstance(t, Opened) and 600 <= t.last_seq <= 800]
    closed = [t for t in transitions if isinstance(t, Closed) and t.last_seq > 800]
    assert len(opened) == 1
    assert opened[0].shares[0][0] == "voltage"
    assert sum(share for _, share in opened[0].shares) == pytest.approx(1)
    assert {name for name, _ in opened[0].shares} == set(FEATURES)
    assert closed[0].first_seq == opened[0].first_seq
    assert closed[0].last_seq < 900


def test_it_goes_on_from_a_snapshot_as_if_nothing_had_happened() -> None:
    model = ScoringModel(trained().data)
    readings = faulty()
    expected, changes = feed(DeviceScorer(model), readings, 20)
    scorer, windows, transitions = DeviceScorer(model), [], []
    for begin in range(0, len(readings), 20):
        scorer = DeviceScorer.restored(ScoringModel(trained().data), scorer.snapshot())
        found, seen = scorer.push(readings[begin : begin + 20], begin + 1)
        windows += found
        transitions += seen
    assert values(windows) == values(expected)
    assert transitions == changes


def test_another_models_snapshot_is_refused() -> None:
    state = DeviceScorer(ScoringModel(trained().data)).snapshot()
    other = ScoringModel(trained("autoencoder").data)
    with pytest.raises(ValueError, match="another model"):
        DeviceScorer.restored(other, state)
    with pytest.raises(ValueError):
        DeviceScorer.restored(other, b"{}")


def test_a_gap_closes_an_open_anomaly() -> None:
    scorer = DeviceScorer(ScoringModel(trained().data))
    feed(scorer, faulty()[:700], 20)
    assert scorer.anomaly.is_open
    _, transitions = scorer.push(faulty()[760:780], 761)
    assert [t.reason for t in transitions if isinstance(t, Closed)] == ["gap"]
    assert scorer.skip_to(2000) == []
    assert scorer.push(normal(20, 3), 1900) == ([], [])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_wild_values_never_make_a_score_that_is_no_number(bad) -> None:
    scorer = DeviceScorer(ScoringModel(trained().data))
    readings = normal(400, 5)
    readings[200:, 0] = bad
    readings[300:, :] = bad
    windows, _ = feed(scorer, readings, 20)
    assert all(np.isfinite(window.score.value) for window in windows if window.score)
    assert windows[-1].score is None
    assert "rps" in windows[-1].window.missing


def test_one_impossible_value_does_not_keep_later_anomalies_from_being_found() -> None:
    scorer = DeviceScorer(ScoringModel(trained().data))
    readings = normal(700, 5)
    readings[200, 0] = 1e300
    readings[500:, 1] += 1000.0
    windows, transitions = feed(scorer, readings, 20)
    assert all(window.score is not None for window in windows)
    [opened] = [t for t in transitions if isinstance(t, Opened)]
    assert opened.first_seq > 400


def test_a_huge_but_possible_value_is_an_anomaly_of_its_feature() -> None:
    scorer = DeviceScorer(ScoringModel(trained().data))
    readings = normal(400, 5)
    readings[300:, 1] = 1e14
    _, transitions = feed(scorer, readings, 20)
    last = [t for t in transitions if isinstance(t, Opened)][-1]
    assert last.shares[0][0] == "voltage"


def test_a_hundred_swaps_miss_no_sample() -> None:
    """One thread feeds sample by sample while another loads, warms up and swaps."""
    packages = [trained(seed=seed, algorithm="autoencoder").data for seed in (0, 1)]
    slot = ModelSlot(ScoringModel(packages[0]))
    scorer = DeviceScorer(slot)
    readings = normal(3000, 4)
    ends: list[int] = []
    used: set[str] = set()
    swaps, sample = 0, 0
    pending = slot.load(packages[1])
    while swaps < 100 or sample < len(readings):
        if swaps < 100 and pending.done():
            slot.swap(pending.result())
            swaps += 1
            pending = slot.load(packages[swaps % 2 - 1])
        windows, _ = scorer.push(readings[[sample % len(readings)]], sample + 1)
        ends += [window.window.last_seq for window in windows]
        used |= {window.model.sha256 for window in windows}
        sample += 1
    slot.close()
    step = scorer.model.preparation.step
    assert swaps == 100
    assert len(used) == 2
    assert ends == list(range(40, sample + 1, step))


def test_a_new_model_takes_over_the_readings_and_the_baseline() -> None:
    slot = ModelSlot(ScoringModel(trained().data))
    scorer = DeviceScorer(slot)
    readings = faulty()
    feed(scorer, readings[:700], 20)
    assert scorer.anomaly.is_open
    slot.swap(ScoringModel(trained("autoencoder").data))
    windows, transitions = scorer.push(readings[700:720], 701)
    assert isinstance(transitions[0], Closed)
    assert transitions[0].reason == "model_changed"
    assert [window.window.last_seq for window in windows] == [705, 710, 715, 720]
    assert isinstance(transitions[1], Opened)  # the fault is still there, by the old baseline
    slot.close()


def test_reloading_does_not_grow_memory() -> None:
    psutil = pytest.importorskip("psutil")
    process = psutil.Process()
    data = trained().data
    window = np.zeros((1, 40, 5))

    def reload(times: int) -> int:
        for _ in range(times):
            model = ScoringModel(data)
            model.score(window)
        return int(process.memory_info().rss)

    reload(100)
    before = reload(100)
    assert reload(600) - before < 600 * 4096  # less than a page for each


@pytest.mark.parametrize("cut", [0, 10, 500])
def test_a_corrupt_graph_is_refused(cut) -> None:
    with pytest.raises(ModelError):
        ScoringModel(trained().data[:cut])


def test_a_graph_without_its_metadata_is_refused() -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_from_string(trained().data)
    del graph.metadata_props[:]
    with pytest.raises(ModelError):
        ScoringModel(graph.SerializeToString())


def test_a_model_that_scores_golden_windows_wrongly_is_found() -> None:
    good = trained()
    model = ScoringModel(good.data)
    model.verify(good.golden_windows, good.golden_scores)
    wrong = [*good.golden_scores[:-1], good.golden_scores[-1] * 1.01]
    with pytest.raises(ModelError, match="golden window 7"):
        model.verify(good.golden_windows, wrong)
    with pytest.raises(ModelError):
        model.verify(good.golden_windows, good.golden_scores[:-1])


def broken() -> ScoringModel:
    """A model all of whose scores are NaN."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_from_string(trained().data)
    for constant in graph.graph.initializer:
        if constant.name == "scale":
            rows = onnx.numpy_helper.to_array(constant) * np.nan
            constant.CopyFrom(onnx.numpy_helper.from_array(rows, "scale"))
    return ScoringModel(graph.SerializeToString())


def test_a_model_that_yields_no_number_is_found() -> None:
    with pytest.raises(ModelError, match="scores nan"):
        broken().warm_up()


def test_a_model_that_fails_neither_stops_the_device_nor_hides_it() -> None:
    slot = ModelSlot(ScoringModel(trained().data))
    scorer = DeviceScorer(slot)
    readings = faulty()
    feed(scorer, readings[:700], 20)
    slot.swap(broken())
    windows, transitions = scorer.push(readings[700:720], 701)
    assert [window.score for window in windows] == [None] * 4
    assert all("nan" in (window.error or "") for window in windows)
    assert scorer.failed_windows == 4
    assert [type(transition) for transition in transitions] == [Closed]
    slot.swap(ScoringModel(trained().data))
    windows, _ = scorer.push(readings[720:740], 721)
    assert all(window.score for window in windows)
    slot.close()


@cache
def plain() -> bytes:
    """A model of the kind that machines have by default."""
    wanted = training_settings(spread=False)
    return train(wanted, [normal(2000, 1)], [normal(1500, 3)]).data


@cache
def device(seed: int) -> np.ndarray:
    """Readings of one of several devices, with a fault, a gap or nothing."""
    readings = faulty(700, 200 + 40 * seed, 320 + 40 * seed)
    if seed % 3 == 1:
        readings[100:150, 2] = np.nan
    return readings


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_devices_that_are_scored_together_have_the_results_that_each_has_alone(data) -> None:
    """To the last bit, in whatever portions, with models of several kinds at once, through gaps,
    answers of people and exchanged models."""
    models = [ScoringModel(plain()), ScoringModel(trained().data)]
    count = data.draw(st.integers(2, 5))
    kinds = data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    slots = [(ModelSlot(models[kind]), ModelSlot(models[kind])) for kind in kinds]
    together = [DeviceScorer(one) for one, _ in slots]
    alone = [DeviceScorer(other) for _, other in slots]
    at = [0] * count
    for _ in range(data.draw(st.integers(1, 8))):
        portions = []
        for place in data.draw(st.lists(st.integers(0, count - 1), unique=True)):
            if data.draw(st.integers(0, 9)) == 0:
                model = models[data.draw(st.integers(0, 1), label="model")]
                for slot in slots[place]:
                    slot.swap(model)
            first = alone[place].anomaly.first_seq
            if first is not None and data.draw(st.booleans()):
                ahead = alone[place].next_seq + data.draw(st.integers(0, 120))
                answer = Answer(first, data.draw(st.booleans()), ahead)
                assert together[place].answer(answer) == alone[place].answer(answer)
            at[place] += 7 * (data.draw(st.integers(0, 9)) == 0)
            end = at[place] + data.draw(st.integers(1, 250))
            portions.append((place, device(place)[at[place] : end], at[place] + 1))
            at[place] = min(end, 700)
        found = push_all([(together[place], rows, first) for place, rows, first in portions])
        for (place, rows, first), (windows, transitions) in zip(portions, found, strict=True):
            expected, changes = alone[place].push(rows, first)
            assert values(windows) == values(expected)
            assert transitions == changes
    for one, other in zip(together, alone, strict=True):
        assert one.snapshot() == other.snapshot()


def test_windows_scored_in_one_call_have_the_scores_that_they_have_alone() -> None:
    for model in map(ScoringModel, (plain(), trained().data, trained("autoencoder").data)):
        shape = (1, model.preparation.length, len(model.preparation.channels))
        random = np.random.default_rng(3)
        windows = [random.standard_normal(shape) * 10.0**n for n in range(-3, 3) for _ in range(25)]
        windows[40] = np.full(shape, np.nan)
        for window, found in zip(windows, model.score_all(windows), strict=True):
            if np.isnan(window).any():
                assert isinstance(found, ModelError)
            else:
                assert not isinstance(found, ModelError)
                assert model.score(window).value == found.value
                assert (model.score(window).contributions == found.contributions).all()


def test_a_graph_that_fails_for_one_window_scores_the_others(monkeypatch) -> None:
    model = ScoringModel(plain())
    assert model.scores_together
    shape = (1, model.preparation.length, len(model.preparation.channels))
    windows = [np.full(shape, float(n)) for n in range(4)]
    run = model._session.run

    class Failing:
        def run(self, names, given):
            if (given["window"] == 2.0).any():
                raise RuntimeError("no memory")
            return run(names, given)

    monkeypatch.setattr(model, "_session", Failing())
    found = model.score_all(windows)
    assert [isinstance(one, ModelError) for one in found] == [False, False, True, False]


def test_a_graph_whose_scores_depend_on_the_others_is_called_for_each(monkeypatch) -> None:
    model = ScoringModel(trained().data)
    shape = (1, model.preparation.length, len(model.preparation.channels))
    run = model._session.run
    sizes = []

    class Rounding:
        def run(self, names, given):
            sizes.append(len(given["window"]))
            scores, contributions = run(names, given)
            return np.nextafter(scores, np.float32(9)) if sizes[-1] > 1 else scores, contributions

    monkeypatch.setattr(model, "_session", Rounding())
    model.score_all([np.zeros(shape)] * 3)
    assert sizes[-3:] == [1, 1, 1]
