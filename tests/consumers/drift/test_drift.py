"""Drift is found where there is one, and rarely where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import scipy  # its parts are loaded when they are used
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lineal_consumers.drift.config import DriftConfig
from lineal_consumers.drift.correction import benjamini_hochberg, bonferroni, holm
from lineal_consumers.drift.engine import compare, compare_adaptively, downsample
from lineal_consumers.drift.two_samples import kolmogorov_smirnov, population_stability_index
from tests.long import examples

FEATURES = ("a", "b", "c", "d", "e", "f")


@settings(max_examples=examples(80), deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=60),
    st.lists(st.integers(-5, 5), min_size=1, max_size=60),
)
def test_the_statistic_is_scipys_with_ties_and_all(first, second) -> None:
    then, now = np.array(first, dtype=float), np.array(second, dtype=float)
    statistic, p_value = kolmogorov_smirnov(then, now)
    assert statistic == pytest.approx(scipy.stats.ks_2samp(then, now).statistic)
    assert 0 <= p_value <= 1


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2, 0.3])
@pytest.mark.parametrize(("n", "m"), [(40, 60), (500, 500), (5000, 300)])
def test_the_p_value_is_close_to_the_exact_one(shift, n, m) -> None:
    random = np.random.default_rng(n + m)
    then, now = random.standard_normal(n), random.standard_normal(m) + shift
    _, p_value = kolmogorov_smirnov(then, now)
    exact = scipy.stats.ks_2samp(then, now, method="exact").pvalue
    assert p_value == pytest.approx(exact, rel=0.15, abs=1e-4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrections_order_as_they_must(p_values) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(
        scipy.stats.false_discovery_control(p_values)
    )
    for plain, step_up, step_down, crude in zip(
        p_values, benjamini_hochberg(p_values), holm(p_values), bonferroni(p_values), strict=True
    ):
        assert plain <= step_up + 1e-12
        assert step_up <= step_down + 1e-12
        assert step_down <= crude + 1e-12 <= 1 + 1e-9


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_false_findings_stay_below_the_significance() -> None:
    random = np.random.default_rng(1)
    found = sum(
        compare(
            random.standard_normal((300, 6)), random.standard_normal((300, 6)), FEATURES, 0.05
        ).drifted
        for _ in range(300)
    )
    assert scipy.stats.binom.sf(found - 1, 300, 0.05) > 1e-4


def test_a_quarter_of_a_standard_deviation_in_500_readings_is_found() -> None:
    random = np.random.default_rng(2)
    found = 0
    for _ in range(100):
        now = random.standard_normal((500, 6))
        now[:, 3] += 0.25
        report = compare(random.standard_normal((500, 6)), now, FEATURES, 0.05)
        found += report.features[3].drifted
    assert found >= 70  # the power at this size after Holm's correction for six is about 0.8


def test_missing_values_are_left_out_and_a_silent_sensor_has_changed() -> None:
    random = np.random.default_rng(3)
    then, now = random.standard_normal((400, 2)), random.standard_normal((400, 2))
    now[::2, 0] = np.nan
    now[:, 1] = np.inf
    first, second = compare(then, now, ("a", "b")).features
    assert not first.drifted
    assert second.drifted
    both = compare(np.full((5, 1), np.nan), np.full((5, 1), np.nan), ("a",))
    assert not both.drifted


def test_a_constant_that_becomes_another_has_changed() -> None:
    report = compare(np.full((100, 1), 3.0), np.full((100, 1), 3.5), ("a",))
    assert report.drifted
    assert report.features[0].reference_mean == 3.0
    assert not compare(np.full((100, 1), 3.0), np.full((100, 1), 3.0), ("a",)).drifted


def test_a_change_too_small_to_matter_can_be_let_pass() -> None:
    random = np.random.default_rng(4)
    then, now = random.standard_normal((20_000, 1)), random.standard_normal((20_000, 1)) + 0.05
    assert compare(then, now, ("a",)).drifted
    assert not compare(then, now, ("a",), min_shift=0.1).drifted


def test_the_stability_index_grows_with_the_shift() -> None:
    random = np.random.default_rng(5)
    then = random.standard_normal(2000)
    indices = [population_stability_index(then, then + shift) for shift in (0, 0.25, 0.5, 1, 2)]
    assert indices[0] == pytest.approx(0, abs=1e-9)
    assert indices == sorted(indices)
    assert np.isfinite(population_stability_index(np.zeros(10), np.ones(10)))


def test_thinning_keeps_order_and_ends() -> None:
    rows = np.arange(1000.0).reshape(-1, 1)
    kept = downsample(rows, 100)
    assert len(kept) == 100
    assert (np.diff(kept[:, 0]) > 0).all()
    assert downsample(rows, 5000) is rows


@pytest.mark.parametrize(
    ("then", "now"), [(np.empty((0, 1)), np.ones((3, 1))), (np.ones((3, 2)), np.ones((3, 1)))]
)
def test_what_cannot_be_compared_is_refused(then, now) -> None:
    with pytest.raises(ValueError):
        compare(then, now, ("a",))


def test_adwin_finds_a_shift_of_the_mean_and_no_other() -> None:
    random = np.random.default_rng(6)
    then = random.standard_normal((2000, 3))
    still = random.standard_normal((240, 3))
    assert not compare_adaptively(then, still, ("a", "b", "c"), 0.001, 0.3).drifted
    now = random.normal([1.0, 0.0, 0.0], [1.0, 1.0, 2.0], (240, 3))
    now[:, 1] = np.nan
    report = compare_adaptively(then, now, ("a", "b", "c"), 0.001, 0.3)
    assert [f.feature for f in report.features if f.drifted] == ["a", "b"], "b fell silent"
    assert all(feature.p_value is None for feature in report.features)


def test_adwin_is_refused_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineal_consumers.drift.config.find_spec", lambda name: None)
    with pytest.raises(ValidationError, match=r"lineal\[adwin\]"):
        DriftConfig(test="adwin")
