"""From which confidence on a class is right often enough."""

from __future__ import annotations

import pytest

from lineal_catalog.reviews.error_bounds import answers_missing, is_shown, max_right, min_right
from lineal_catalog.reviews.thresholds import NOBODY_BELIEVED, Measured, thresholds_for


def test_the_lowest_confidence_from_which_enough_are_right() -> None:
    measured = [Measured("invoice", 0.2 + number / 200, number >= 60) for number in range(160)]
    found = thresholds_for(measured, 0.95)["invoice"]
    # 100 right of 101: the one just below those that are all right is believed with them. With
    # another that is wrong, 5.2 % could be.
    assert found.threshold == pytest.approx(0.495)
    assert (found.items, found.right, found.missing) == (160, 100, 0)


def test_equal_confidences_are_believed_together() -> None:
    measured = [Measured("x", 0.9, number < 75) for number in range(100)]
    assert thresholds_for(measured, 0.95)["x"].threshold == NOBODY_BELIEVED
    assert thresholds_for(measured, 0.65)["x"].threshold == 0.9


def test_few_that_are_all_right_say_nothing_yet_but_how_many_more_it_takes() -> None:
    found = thresholds_for([Measured("x", 0.9, True)] * 20, 0.95)["x"]
    assert (found.threshold, found.missing) == (None, 25)
    assert found.min_right == pytest.approx(0.891, abs=0.001)
    found = thresholds_for([Measured("x", 0.9, True)] * 45, 0.95)["x"]
    assert (found.threshold, found.missing) == (0.9, 0)
    # What is wrong too often is not known of a few either: nobody is asked about all for ever.
    few = [Measured("x", 0.9, number > 1) for number in range(19)]
    assert thresholds_for(few, 0.95)["x"].threshold is None


@pytest.mark.parametrize("wrong", [0, 1, 7])
def test_so_many_more_answers_show_the_rate_and_no_fewer(wrong: int) -> None:
    missing = answers_missing(wrong, 20, 0.05)
    assert is_shown(wrong, 20 + missing, 0.05)
    assert not is_shown(wrong, 19 + missing, 0.05)


@pytest.mark.parametrize("precision", [1.0, 0.0, float("nan")])
def test_no_answers_show_certainty(precision: float) -> None:
    with pytest.raises(ValueError, match=r"from 0\.5 to 0\.999"):
        thresholds_for([Measured("x", 0.9, True)], precision)


def test_nothing_that_was_counted_is_certain() -> None:
    assert min_right(0, 0) == 0
    assert max_right(0, 0) == 1
    assert min_right(0, 15) == pytest.approx(0.858, abs=0.001)
    assert min_right(0, 10_000) < 1
    assert max_right(15, 15) > 0
