"""The scoring of NAB: what is found early counts, what is missed or found elsewhere costs."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.nab import FALSE_POSITIVE_WEIGHT, Stream, nab_score, normalized

STREAM = Stream("pump.csv", np.zeros((1000, 1)), [(400, 499), (700, 799)])


def test_all_windows_found_at_once_is_all_that_can_be_had() -> None:
    assert normalized(nab_score([400, 700], STREAM), 2) == pytest.approx(100)


def test_nothing_detected_is_nothing() -> None:
    assert normalized(nab_score([], STREAM), 2) == 0


def test_late_counts_less_and_again_counts_nothing() -> None:
    late = nab_score([490, 700], STREAM)
    assert nab_score([], STREAM) < late < nab_score([400, 700], STREAM)
    assert nab_score([490, 495, 499, 700], STREAM) == late


def test_detections_elsewhere_cost_the_more_the_farther_they_are() -> None:
    found = nab_score([400, 700], STREAM)
    near, far = nab_score([400, 510, 700], STREAM), nab_score([400, 690, 700], STREAM)
    assert found > near > far
    assert found - nab_score([200, 400, 700], STREAM) == pytest.approx(FALSE_POSITIVE_WEIGHT)


def test_what_is_said_during_the_probation_is_not_scored() -> None:
    assert nab_score([STREAM.probation - 1], STREAM) == nab_score([], STREAM)
